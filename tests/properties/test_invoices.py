"""Whatever reaches us of invoices, in whatever order: Salesforce is asked to hold what Stripe says now.

A real sandbox is the truth, the real client, intake, mirror, fetcher and projector do the work. Events are shuffled,
repeated, rendered for another version, and lost: of an invoice not the last, of all else any.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service.clients import StripeApi
from service.clock import SystemClock
from service.config import SecretRef, StripeAccount
from service.db import Database, Wakes, open_database
from service.domain import Evidence
from service.intake import observe, sight, stub
from service.maintenance import Fetcher, Reconciler
from service.projection import Projector
from tests.conformance.stripe_sandbox.running import Running
from tests.support.events import ENTITY, entities
from tests.support.postgres import drop_database, fresh_database

_SLOW = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
_OURS = ("Invoice__c", "Invoice_Line__c", "Invoice_Payment__c", "Credit_Note__c")
ACCOUNT, OPPORTUNITY = "001000000000001AAA", "006000000000001AAA"
CARD, RETURN = "pm_card_visa", "https://example.com"


class LaterClock(SystemClock):
    """Ahead of Stripe's, by ever more minutes: what is to be fetched soon becomes due."""

    ahead = timedelta(minutes=1)

    def now(self) -> datetime:
        return super().now() + self.ahead


class Books:
    """One customer's invoices at Stripe; what Stripe refuses does not happen."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.customer = api.customers.create({"metadata": {"salesforce_record_id": ACCOUNT}}).id
        card = api.payment_methods.attach(CARD, {"customer": self.customer}).id
        self.bad = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": self.customer}).id
        api.customers.update(self.customer, {"invoice_settings": {"default_payment_method": card}})
        self.invoices: list[str] = []
        self.intents: list[str] = []

    def create(self, lines: int, *, named: bool) -> None:
        values = {"customer": self.customer, "currency": "eur"}
        more = {"metadata": {"salesforce_record_id": OPPORTUNITY}} if named else {}
        invoice = self.api.invoices.create(values | more).id
        self.invoices.append(invoice)
        if lines:
            rows = [{"amount": 1000 + number, "quantity": 1} for number in range(lines)]
            self.api.invoices.add_lines(invoice, {"lines": rows})

    def intend(self, amount: int, *, pay: bool) -> None:
        intent = self.api.payment_intents.create({"amount": amount, "currency": "eur", "customer": self.customer}).id
        self.intents.append(intent)
        if pay:
            self.pay_intent(len(self.intents) - 1)

    def pay_intent(self, which: int) -> None:
        self.api.payment_intents.confirm(self.intents[which % len(self.intents)],
                                         {"payment_method": CARD, "return_url": RETURN})  # fmt: skip

    def attach(self, invoice: str, which: int) -> None:
        self.api.invoices.attach_payment(invoice, {"payment_intent": self.intents[which % len(self.intents)]})

    def pay(self, invoice: str, how: str) -> None:
        more = {"declined": {"payment_method": self.bad}, "outside": {"paid_out_of_band": True}}.get(how, {})
        self.api.invoices.pay(invoice, more)

    def do(self, action: str, which: int, number: int) -> None:
        """Try one thing."""
        if action == "create":
            self.create((0, 1, 12)[number % 3], named=number % 2 == 0)
            return
        if action in {"intend", "pay_intent"}:
            self.intend(1500, pay=number % 2 == 0) if action == "intend" else self.pay_intent(which)
            return
        invoice = self.invoices[which % len(self.invoices)]
        calls: dict[str, Callable[[], Any]] = {
            "finalize": lambda: self.api.invoices.finalize_invoice(invoice),
            "pay": lambda: self.pay(invoice, ("", "declined", "outside")[number % 3]),
            "attach": lambda: self.attach(invoice, number),
            "credit": lambda: self.api.credit_notes.create({"invoice": invoice, "amount": 400 + 900 * (number % 2)}),
            "credit_back": lambda: self.api.credit_notes.create(
                {"invoice": invoice, "amount": 300, "refund_amount": 200, "credit_amount": 100}
            ),
            "uncredit": lambda: self.api.credit_notes.void_credit_note(
                self.api.credit_notes.list({"invoice": invoice}).data[0].id
            ),
            "void": lambda: self.api.invoices.void_invoice(invoice),
            "write_off": lambda: self.api.invoices.mark_uncollectible(invoice),
            "describe": lambda: self.api.invoices.update(invoice, {"description": str(number)}),
            "delete": lambda: self.api.invoices.delete(invoice),
        }
        calls[action]()


ACTIONS = (
    "create", "finalize", "finalize", "pay", "pay", "intend", "pay_intent", "attach", "attach", "credit", "credit_back",
    "uncredit", "void", "write_off", "describe", "delete",
)  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), st.integers(0, 5)), max_size=14)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


@pytest.fixture(scope="module")
async def database(postgres_url: str) -> AsyncIterator[Database]:
    url = fresh_database(postgres_url)
    it = open_database(url, pool_size=5)
    yield it
    await it.close()
    drop_database(postgres_url, url)


class House:
    """The parts that turn sights into records."""

    def __init__(self, database: Database, sandbox: Running, folder: Path) -> None:
        (folder / "key").write_text(sandbox.sandbox.secret_key)
        secret = SecretRef(file=folder / "key")
        account = StripeAccount(
            livemode=False, secret_key=secret, webhook_secrets=(secret,), api_base=sandbox.url, timeout_seconds=10
        )
        self.database, clock, wakes = database, LaterClock(), Wakes(database.url)
        api = {ENTITY: StripeApi(ENTITY, account, clock)}
        reconciler = Reconciler(database, clock, orgs={ENTITY: "main"})
        self.fetcher = Fetcher(database, wakes, clock, stripe=api, reconciler=reconciler, lease=timedelta(seconds=30))
        self.projector = Projector(database, wakes, clock, entities=entities(), batch_limit=50)
        self.clock = clock

    async def take_in(self, event: dict[str, Any], *, other_version: bool) -> None:
        body, as_of = copy.deepcopy(event["data"]["object"]), datetime.fromtimestamp(event["created"], UTC)
        now = SystemClock().now()
        async with self.database.transaction() as tx:
            if other_version:
                await observe(tx, [stub(ENTITY, body["object"], body["id"], fetch_after=now, as_of=as_of)], now=now)
                return
            if event["type"] == f"{body['object']}.deleted":
                body["deleted"] = True
            seen = sight(ENTITY, body, as_of=as_of, evidence=Evidence.EVENT, now=now)
            await observe(tx, seen, now=now)

    async def settle(self) -> None:
        """Fetch and project until nothing is left to do."""
        idle = 0
        for _ in range(100):
            done = await self.fetcher.step()
            while await self.projector.step():
                done += 1
            idle = 0 if done else idle + 1
            if idle > 1:
                return
            self.clock.ahead += timedelta(seconds=0 if done else 20)
        raise AssertionError("it never ends")

    async def wanted(self) -> dict[tuple[str, str], tuple[str, str | None]]:
        query = text(
            "SELECT sobject, key, content, parent_sobject FROM outbox WHERE sobject = ANY(CAST(:ours AS text[]))"
        )
        async with self.database.read() as tx:
            rows = await tx.execute(query, {"ours": list(_OURS)})
            return {(row.sobject, row.key): (row.content, row.parent_sobject) for row in rows}

    async def forget(self) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(text("DELETE FROM mirror"))
            await tx.execute(text("DELETE FROM outbox"))


@pytest.fixture(scope="module")
def house(database: Database, sandbox: Running, tmp_path_factory: pytest.TempPathFactory) -> House:
    return House(database, sandbox, tmp_path_factory.mktemp("house"))


def play(sandbox: Running, drawn: list[tuple[str, int, int]]) -> tuple[Books, list[dict[str, Any]]]:
    """Live through a history in an empty account; return it with its events, oldest first."""
    sandbox.ask("/reset")
    sandbox.ask("/stripe/settings", {"balance_transaction_delay_ms": 0, "refund_settlement_delay_ms": 0})
    client = stripe.StripeClient(sandbox.sandbox.secret_key, base_addresses={"api": sandbox.url})
    books = Books(client.v1)
    books.create(1, named=False)
    for action in drawn:
        with suppress(stripe.StripeError, IndexError, ZeroDivisionError):
            books.do(*action)
    sandbox.flush()
    return books, [copy.deepcopy(event) for event in sandbox.sandbox.world.events.rows.values()]


@st.composite
def told(draw: st.DrawFn, events: list[dict[str, Any]]) -> list[tuple[dict[str, Any], bool, bool]]:
    """Draw what reaches us: event, whether of another version, and whether there is time to project after it."""
    known = [event for event in events if event["data"]["object"]["object"] in {
        "invoice", "invoice_payment", "credit_note", "payment_intent", "charge", "customer", "refund"}]  # fmt: skip
    invoices = {event["data"]["object"]["id"]: place for place, event in enumerate(known)
                if event["data"]["object"]["object"] == "invoice"}  # fmt: skip
    last = set(invoices.values())
    kept = [place for place in range(len(known)) if place in last or draw(st.integers(0, 2))]
    kept += draw(st.lists(st.sampled_from(kept), max_size=4))
    return [(known[place], draw(st.integers(0, 5)) == 0, draw(st.booleans())) for place in draw(st.permutations(kept))]


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=_SLOW)
async def test_any_part_of_a_history_in_any_order_ends_in_what_stripe_says(
    house: House, sandbox: Running, data: st.DataObject
) -> None:
    books, events = await asyncio.to_thread(play, sandbox, data.draw(steps))
    await house.forget()
    now = SystemClock().now()
    async with house.database.transaction() as tx:
        stubs = [stub(ENTITY, "invoice", invoice, fetch_after=now) for invoice in books.invoices]
        await observe(tx, stubs, now=now)
    await house.settle()
    expected = await house.wanted()
    assert {key for sobject, key in expected if sobject == "Invoice__c"} == set(books.invoices)
    check_against_stripe(books, expected)
    await house.forget()
    for event, other_version, pause in data.draw(told(events)):
        await house.take_in(event, other_version=other_version)
        if pause:
            await house.projector.step()
    await house.settle()
    found = await house.wanted()
    assert [(place, found.get(place), expected.get(place)) for place in found.keys() | expected.keys()
            if found.get(place) != expected.get(place)] == []  # fmt: skip


def check_against_stripe(books: Books, expected: dict[tuple[str, str], tuple[str, str | None]]) -> None:
    """Compare with Stripe's own lists: nothing too many, nothing too few, every known payment linked."""
    living = [row.id for row in books.api.invoices.list({"limit": 100}).data]
    payments = [row for row in books.api.invoice_payments.list({"limit": 100}).data if row.invoice in living]
    assert {key for name, key in expected if name == "Invoice_Payment__c"} == {row.id for row in payments}
    for row in payments:
        content, parent = expected["Invoice_Payment__c", row.id]
        intent = getattr(row.payment, "payment_intent", None)
        assert (str(intent) in content and parent == "Payment__c") if intent else parent == "Invoice__c"
    notes = {row.id for row in books.api.credit_notes.list({"limit": 100}).data}
    assert {key for name, key in expected if name == "Credit_Note__c"} == notes
    final = [row.id for row in books.api.invoices.list({"limit": 100}).data if row.status != "draft"]
    lines = {row.id for invoice in final for row in books.api.invoices.line_items.list(invoice, {"limit": 100}).data}
    assert {key for name, key in expected if name == "Invoice_Line__c"} == lines
