"""A busy month in minutes: thousands of mixed events while every vendor misbehaves, over two replicas.

People work in Stripe from several desks at once; the seed decides what they do and what goes wrong, the machine when.
Afterwards Salesforce must be what the rules make of Stripe. The whole month has twenty thousand events, which is
`COUNTERFOIL_SOAK_EVENTS=20000 make test ARGS=tests/simulation/test_soak.py`; every run of the tests has its first days.
"""

import itertools
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
import stripe

from tests.simulation.audit import audit, drain
from tests.simulation.test_seeds import FAULTS
from tests.simulation.world import CARD, DECLINED_CARD, World, rows_of

EVENTS = int(os.environ.get("COUNTERFOIL_SOAK_EVENTS", "1500"))
SEED, DESKS, ACCOUNTS, SALES = 7, 2, 200, 800
# On a machine that is busy with other things.
_LONGEST_SECONDS, _LONGEST_DRAIN_SECONDS = 420 + EVENTS // 8, 200 + EVENTS // 40
_CURRENCIES = (("usd", 100), ("eur", 100), ("jpy", 100), ("kwd", 1000), ("gbp", 100))
_PAUSE_BETWEEN_FAULTS = 0.25
_CARDS = (*[CARD] * 6, DECLINED_CARD, "pm_card_mastercard", "pm_card_createDispute")


class Desk:
    """One person with Stripe's dashboard open, and the customers and sales of the company."""

    def __init__(self, world: World, number: int, customers: list[str], sales: list[str]) -> None:
        self._world = world
        self._api = world.stripe.v1
        self._chance = random.Random(f"{SEED}/{number}")  # noqa: S311  (repeatable, guards nothing)
        self._customers = customers
        self._sales = sales
        self._deeds: tuple[Callable[[], object], ...] = (
            *[self._sell] * 6,
            self._authorize,
            self._refund_later,
            self._refund_later,
            self._invoice,
        )

    def work(self, over: Event) -> None:
        """Do one thing after the other until it is over."""
        while not over.is_set():
            self._chance.choice(self._deeds)()

    def _sell(self, **more: Any) -> stripe.PaymentIntent | None:
        currency, least = self._chance.choice(_CURRENCIES)
        customer = self._chance.choice(self._customers)
        asked: dict[str, Any] = {
            "amount": self._chance.randint(least, 15_000) * 60,  # its third and its half end in 0, as dinars must
            "currency": currency,
            "customer": customer,
            "payment_method": self._api.payment_methods.attach(CARD, {"customer": customer}).id,
            "confirm": True,
            "off_session": True,
        }
        if (card := self._chance.choice(_CARDS)) != CARD:
            asked |= {"payment_method": card}
            asked.pop("customer")
            asked.pop("off_session")
            asked["automatic_payment_methods"] = {"enabled": True, "allow_redirects": "never"}
        if self._chance.random() < 0.5:
            asked["metadata"] = {"salesforce_record_id": self._chance.choice(self._sales)}
        try:
            return self._api.payment_intents.create({**asked, **more})  # type: ignore[typeddict-item]  # built above
        except stripe.CardError:
            return None

    def _authorize(self) -> None:
        intent = self._sell(capture_method="manual")
        if intent is None:
            return
        if self._chance.random() < 0.5:
            self._api.payment_intents.capture(intent.id, {"amount_to_capture": intent.amount // 2})
        else:
            self._api.payment_intents.cancel(intent.id)

    def _refund_later(self) -> None:
        intent = self._sell()
        if intent is None:
            return
        for _ in range(self._chance.randint(1, 3)):
            try:
                refund = self._api.refunds.create({"payment_intent": intent.id, "amount": intent.amount // 3})
            except stripe.InvalidRequestError:
                return  # it is disputed
            if self._chance.random() < 0.2:
                self._world.control.post(f"/stripe/refunds/{refund.id}", status="failed", failure_reason="declined")

    def _invoice(self) -> None:
        customer = self._chance.choice(self._customers)
        invoice = str(self._api.invoices.create({"customer": customer, "currency": "usd"}).id)
        lines: Any = [{"amount": self._chance.randint(100, 9_999), "description": "Work"} for _ in range(3)]
        self._api.invoices.add_lines(invoice, {"lines": lines})
        self._api.invoices.finalize_invoice(invoice)
        match self._chance.choice(["paid elsewhere", "void", "credited"]):
            case "paid elsewhere":
                self._api.invoices.pay(invoice, {"paid_out_of_band": True})
            case "void":
                self._api.invoices.void_invoice(invoice)
            case _:
                self._api.credit_notes.create({"invoice": invoice, "amount": 50})


def _misbehave(world: World, over: Event) -> None:
    """Strike one fault after the other, the same ones in every run, and pay out now and then."""
    chance = random.Random(SEED)  # noqa: S311  (repeatable, guards nothing)
    for number in itertools.count():
        if over.wait(_PAUSE_BETWEEN_FAULTS):
            return
        vendor, content = chance.choice(FAULTS[2:])(chance)  # people's own calls go well
        world.strike(vendor, **content)
        if number % 40 == 0:
            world.control.post("/stripe/payouts/run", currency="usd", settle=True)


def _sale(world: World, account: str) -> str:
    """Create an Opportunity that nobody asks a payment for: people take the money in Stripe."""
    fields = {"Name": "A sale", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
    return str(world.salesforce.create("Opportunity", **fields, Amount=100, CurrencyIsoCode="USD")["id"])


def _events(world: World) -> int:
    return int(rows_of(world.database_url, "SELECT count(*) AS events FROM inbox WHERE source = 'stripe'")[0]["events"])


@pytest.mark.timeout(_LONGEST_SECONDS)
def test_after_a_month_of_business_and_trouble_salesforce_is_what_the_rules_make_of_stripe(world: World) -> None:
    for name in ("first", "second"):
        world.stack.start_service(name=name, web_port=None if name == "first" else 0)
    accounts = [str(world.salesforce.create("Account", Name=f"Buyer {n}")["id"]) for n in range(ACCOUNTS)]
    made = [world.stripe.v1.customers.create({"metadata": {"salesforce_record_id": one}}) for one in accounts]
    sales = [_sale(world, accounts[n % ACCOUNTS]) for n in range(SALES)]
    customers = [one.id for one in made]

    over, begun = Event(), time.monotonic()
    with ThreadPoolExecutor(DESKS + 1) as people:
        desks = [people.submit(Desk(world, n, customers, sales).work, over) for n in range(DESKS)]
        trouble = people.submit(_misbehave, world, over)
        try:
            while _events(world) < EVENTS and not any(one.done() for one in (*desks, trouble)):
                over.wait(_PAUSE_BETWEEN_FAULTS)
        finally:
            over.set()
    for one in (*desks, trouble):
        one.result()
    world.calm()
    worked = time.monotonic() - begun
    drained = drain(world, seconds=_LONGEST_DRAIN_SECONDS)
    print(f"{_events(world)} events in {worked:.0f} s, all done {drained:.1f} s later")  # noqa: T201  (to repeat a failure)
    audit(world)
