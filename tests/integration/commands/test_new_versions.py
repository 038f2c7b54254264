"""A changed amount is a new version: one payment can be made at any time, by the last amount, whatever fails when."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from service.commands import Command, CommandState, Request
from service.commands import _ledger as ledger
from service.config._installation import Checkout
from service.db import Database
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

PAGE, LINK, HELD, CHARGED = "hosted_checkout", "payment_link", "unconfirmed", "off_session"
ENDINGS = {
    PAGE: "/v1/checkout/sessions/*/expire",
    LINK: "/v1/payment_links/*",
    HELD: "/v1/payment_intents/*/cancel",
}
MAKINGS = {PAGE: "/v1/checkout/sessions", LINK: "/v1/payment_links", HELD: "/v1/payment_intents"}


@dataclass
class Sale:
    """An Opportunity whose payment is asked for by events, and what the ledger and Stripe have of it."""

    desk: InvoiceDesk
    database: Database
    record: str
    method: str

    def change(self, amount: float) -> None:
        self.desk.org.change("Opportunity", self.record, Amount=amount)

    async def accept(self, by: str = "005000000000001AAA") -> Command:
        """Take in an event, as often as it comes."""
        request = Request(
            "acme", "create_payment", self.record, arguments={"method": self.method}, asked_as=by, source="salesforce"
        )
        async with self.database.transaction() as tx:
            return (await self.desk.commands.accept_in(tx, request, None)).command

    async def ask(self, by: str = "005000000000001AAA") -> Command:
        """Take in an event, and run its task and all that come of it; return the last request of the record."""
        command = await self.accept(by)
        await self.desk.commands.execute(command.id, attempts=0)
        return await self.settled()

    async def settled(self) -> Command:
        """Run what is to be run until nothing is; return the last request of the record."""
        while open_ones := [one for one in await self.commands() if one.state.under_way]:
            for one in open_ones:
                await self.desk.commands.execute(one.id, attempts=0)
        return (await self.commands())[-1]

    async def commands(self) -> list[Command]:
        """Return the requests of the record, oldest first."""
        query = text("SELECT id FROM commands WHERE record_id = :record ORDER BY created_at, id")
        async with self.database.read() as tx:
            ids = [row.id for row in await tx.execute(query, {"record": self.record})]
            found = [await ledger.get(tx, one) for one in ids]
        return [one for one in found if one is not None]

    async def payable(self) -> list[int]:
        """Return the amounts that could be paid now."""
        pages = await self._mine("checkout.session")
        links = await self._mine("payment_link", expand=["data.line_items"])
        intents = await self._mine("payment_intent") if self.method in {HELD, CHARGED} else []
        amounts = [one["amount_total"] for one in pages if one["status"] == "open"]
        amounts += [one["line_items"]["data"][0]["amount_total"] for one in links if one["active"]]
        return [*amounts, *(one["amount"] for one in intents if one["status"] == "requires_payment_method")]

    async def taken(self) -> list[int]:
        intents = await self._mine("payment_intent")
        return [one["amount"] for one in intents if one["status"] in {"succeeded", "requires_capture"}]

    async def pay(self) -> None:
        """Pay on the newest page or by the newest link, if that is still possible."""
        command = (await self.commands())[-1]
        made = command.result_id or command.checkout_session_id
        body = (await self.desk.stripe.retrieve(LINK if command.result_id else "checkout.session", str(made))).body
        async with httpx.AsyncClient(trust_env=False) as customer:
            await customer.post(body["url"], data={"payment_method": "pm_card_visa"})

    async def _mine(self, kind: str, **more: Any) -> list[dict[str, Any]]:
        found = [one.body for one in await self.desk.stripe.list(kind, more, limit=1000)]
        return [one for one in found if one["metadata"].get("salesforce_record_id") == self.record]


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(
    org: RunningSandbox, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[InvoiceDesk]:
    checkout = Checkout(success_url="https://acme.example/paid")
    async with open_desk(org, database, database_url, tmp_path, on_change="new_version", checkout=checkout) as it:
        yield it


async def sold(desk: InvoiceDesk, database: Database, method: str, amount: float = 100) -> Sale:
    return Sale(desk, database, await desk.opportunity(Amount=amount), method)


methods = pytest.mark.parametrize("method", [PAGE, LINK, HELD])


@methods
async def test_the_older_is_called_off_and_the_amount_of_now_is_asked_for(
    desk: InvoiceDesk, database: Database, method: str
) -> None:
    sale = await sold(desk, database, method)
    first = await sale.ask()
    assert (await sale.ask()).id == first.id, "nothing has changed"
    assert await sale.payable() == [10_000]
    sale.change(120)
    second = await sale.ask(by="005000000000002AAA")
    assert (second.version, second.replaces, second.state) == ("1~2", first.id, CommandState.SUCCEEDED)
    assert (second.requested_by, second.asked_as) == ("005000000000002AAA", first.requested_by)
    assert await sale.payable() == [12_000]
    assert (await sale.ask()).id == second.id, "the event that comes again means the newest"
    sale.change(100)
    assert (await sale.ask()).version == "1~3"
    assert await sale.payable() == [10_000]
    assert all(one.conflict is None for one in await sale.commands())


@pytest.mark.parametrize("method", [PAGE, LINK])
async def test_what_was_paid_stays_and_the_record_says_so(desk: InvoiceDesk, database: Database, method: str) -> None:
    sale = await sold(desk, database, method)
    await sale.ask()
    await sale.pay()
    sale.change(120)
    only = await sale.ask()
    assert len(await sale.commands()) == 1
    assert "100.00 USD was paid already" in (only.conflict or "")
    assert (await sale.taken(), await sale.payable()) == ([10_000], [])
    sale.change(100)
    assert (await sale.ask()).conflict is None, "there is nothing to decide any more"


async def test_a_card_that_was_charged_is_not_charged_again(desk: InvoiceDesk, database: Database) -> None:
    sale = await sold(desk, database, CHARGED)
    await sale.ask()
    sale.change(120)
    assert "100.00 USD was paid already" in ((await sale.ask()).conflict or "")
    assert await sale.taken() == [10_000]


async def test_a_decline_is_tried_again_with_the_amount_of_now(desk: InvoiceDesk, database: Database) -> None:
    desk.card = "pm_card_chargeCustomerFail"
    sale = await sold(desk, database, CHARGED)
    first = await sale.ask()
    assert first.state is CommandState.DECLINED
    assert (await sale.ask()).id == first.id
    sale.change(120)
    second = await sale.ask()
    assert (second.state, second.version) == (CommandState.DECLINED, "1~2")
    assert await sale.payable() == [12_000], "the attempt of before was cancelled"


@methods
@pytest.mark.parametrize("happened", [True, False], ids=["it was done", "it was not"])
@pytest.mark.parametrize("step", ["the older is ended", "the newer is made"])
async def test_two_days_later_every_step_is_looked_for(
    desk: InvoiceDesk, database: Database, method: str, step: str, *, happened: bool
) -> None:
    sale = await sold(desk, database, method)
    await sale.ask()
    sale.change(120)
    path = (ENDINGS if step == "the older is ended" else MAKINGS)[method]
    desk.strike(path=path, fault="disconnect", after_effect=happened, times=1)
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await sale.ask()
    assert type(raised.value).__name__ == "TryAgain"
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    assert (await sale.settled()).version == "1~2"
    assert await sale.payable() == [12_000]


async def test_a_customer_who_is_faster_keeps_the_older(desk: InvoiceDesk, database: Database) -> None:
    sale = await sold(desk, database, LINK)
    first = await sale.ask()
    sale.change(120)
    command = await sale.accept()
    await desk.commands.execute(command.id, attempts=0)  # the successor is there, and has done nothing yet
    link = (await desk.stripe.retrieve("payment_link", str(first.result_id))).body
    async with httpx.AsyncClient(trust_env=False) as customer:
        await customer.post(link["url"], data={"payment_method": "pm_card_visa"})
    last = await sale.settled()
    assert (last.state, last.reason) == (CommandState.REFUSED, "PAYMENT_COLLECTED")
    assert (await sale.taken(), await sale.payable()) == ([10_000], [])


async def test_two_that_notice_at_once_ask_once(desk: InvoiceDesk, database: Database) -> None:
    sale = await sold(desk, database, PAGE)
    await sale.ask()
    sale.change(120)
    command = await sale.accept()
    await asyncio.gather(*(desk.commands.execute(command.id, attempts=0) for _ in range(4)))
    await sale.settled()
    assert [one.version for one in await sale.commands()] == ["1", "1~2"]
    assert await sale.payable() == [12_000]


async def test_a_version_that_was_used_by_hand_is_left_alone(desk: InvoiceDesk, database: Database) -> None:
    sale = await sold(desk, database, PAGE)
    await sale.ask()
    await desk.ended("create_payment", sale.record, version="1~2", method=PAGE)
    sale.change(120)
    assert (await sale.ask()).version == "1~3"
    assert sorted(await sale.payable()) == [10_000, 12_000], "what was asked for by hand is a payment of its own"


async def test_over_grpc_it_stays_a_conflict(desk: InvoiceDesk, database: Database) -> None:
    sale = await sold(desk, database, PAGE)
    command = await desk.ended("create_payment", sale.record, method=PAGE)
    sale.change(120)
    await desk.commands.execute(command.id, attempts=0)
    [only] = await sale.commands()
    assert "12000 USD" in (only.conflict or "")
    assert await sale.payable() == [10_000]


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_ends_with_one_payment_of_the_last_amount(
    desk: InvoiceDesk, database: Database, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  (repeatable, guards nothing)
    sale, amount = await sold(desk, database, chance.choice([PAGE, LINK])), 100
    for _ in range(12):
        match chance.choice(["change", "change", "event", "event", "crash", "fault"]):
            case "change":
                amount = chance.choice([100, 120, 130])
                sale.change(amount)
            case "event":
                with suppress(Exception):  # a lost answer; the task runs again below
                    await sale.ask()
            case "crash":
                await sale.accept()  # and its task is not run by this process
            case _:
                path = chance.choice([ENDINGS, MAKINGS])[sale.method]
                desk.strike(path=path, fault="disconnect", after_effect=chance.random() < 0.5, times=1)
        assert len(await sale.payable()) <= 1
    desk.sandbox.control("DELETE", "/stripe/faults")
    await sale.settled()
    await sale.ask()
    assert await sale.payable() == [amount * 100]
    await sale.pay()
    sale.change(999)
    assert "was paid already" in ((await sale.ask()).conflict or "")
    assert (await sale.taken(), await sale.payable()) == ([amount * 100], [])
