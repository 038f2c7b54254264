"""Payments and invoices: one effect, however often it is asked and whatever fails between the calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.commands import CommandState
from service.db import Database, open_database
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.support.postgres import drop_database, fresh_database
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

AGAIN = "TryAgain"
ONE = "/v1/invoices/{invoice}"
Desk = AsyncIterator[InvoiceDesk]


@dataclass(frozen=True)
class Kind:
    """One kind of operation: what it is asked of, which calls it makes, and how Stripe shows it was done once.

    It is asked of a record with line items, or of its invoice as far as `stage`, unless `prepare` makes something else.
    """

    name: str
    paths: tuple[str, ...]
    left: Callable[[InvoiceDesk, str], Awaitable[Any]]
    result: Any
    stage: str | None = None
    arguments: tuple[tuple[str, str], ...] = ()
    prepare: Callable[[InvoiceDesk], Awaitable[str]] | None = None
    ended: CommandState = CommandState.SUCCEEDED

    def __str__(self) -> str:
        words = [value for name, value in self.arguments if name in {"method", "collection_method"}]
        return " ".join([self.name, *words, *(["declined"] if self.ended is CommandState.DECLINED else [])])

    async def subject(self, desk: InvoiceDesk) -> str:
        """Return the record, or the object in Stripe, that this operation is asked of."""
        if self.prepare is not None:
            return await self.prepare(desk)
        record = await desk.opportunity(("CF-SUB", "2", {"UnitPrice": 60}))
        return record if self.stage is None else await desk.done("create_invoice", record, advance_to=self.stage)


async def _created(desk: InvoiceDesk, record: str) -> Any:
    made = await desk.invoices_of(record)
    return [(one["status"], one["total"], await desk.told("invoice.sent", one["id"])) for one in made]


async def _paid(desk: InvoiceDesk, record: str) -> Any:
    return [(one["status"], one["amount_paid"]) for one in await desk.invoices_of(record)]


async def _status(desk: InvoiceDesk, invoice: str) -> Any:
    body = await desk.invoice(invoice)
    return (body["status"], body["amount_paid"])


async def _mails(desk: InvoiceDesk, invoice: str) -> Any:
    return await desk.told("invoice.sent", invoice)


async def _credits(desk: InvoiceDesk, invoice: str) -> Any:
    notes = await desk.stripe.list("credit_note", {"invoice": invoice}, limit=100)
    return [one.body["amount"] for one in notes]


async def _of_nobody(desk: InvoiceDesk) -> str:
    account = str(desk.org.create("Account", Name="Fenwick")["id"])
    return await desk.opportunity(account=account, Amount=120)


async def _with_a_bad_card(desk: InvoiceDesk) -> str:
    desk.card = "pm_card_chargeCustomerFail"
    return await desk.opportunity(Amount=120)


async def _a_page(desk: InvoiceDesk) -> str:
    return await desk.done("create_payment", await _of_nobody(desk), method="hosted_checkout")


async def _of_record(desk: InvoiceDesk, object_type: str, record: str) -> list[dict[str, Any]]:
    found = [one.body for one in await desk.stripe.list(object_type, {}, limit=1000)]
    return [one for one in found if one["metadata"].get("salesforce_record_id") == record]


async def _pages(desk: InvoiceDesk, record: str) -> Any:
    account = desk.org.get("Opportunity", record)["AccountId"]
    pages = [one["amount_total"] for one in await _of_record(desk, "checkout.session", record)]
    return (pages, len(await _of_record(desk, "customer", account)))


async def _intents(desk: InvoiceDesk, record: str) -> Any:
    return [(one["status"], one["amount"]) for one in await _of_record(desk, "payment_intent", record)]


async def _page(desk: InvoiceDesk, page: str) -> Any:
    return (await desk.stripe.retrieve("checkout.session", page)).body["status"]


CUSTOMERS, SESSIONS, INTENTS = "/v1/customers", "/v1/checkout/sessions", "/v1/payment_intents"
FINALIZE, SEND, PAY = f"{ONE}/finalize", f"{ONE}/send", f"{ONE}/pay"
LINES = f"{ONE}/add_lines"
CHARGED = (("collection_method", "charge_automatically"),)
OFF_SESSION = (("method", "off_session"),)
KINDS = [
    Kind(
        "create_payment",
        (CUSTOMERS, SESSIONS),
        _pages,
        ([12_000], 1),
        arguments=(("method", "hosted_checkout"),),
        prepare=_of_nobody,
    ),
    Kind(
        "create_payment",
        (INTENTS,),
        _intents,
        [("requires_payment_method", 12_000)],
        arguments=(("method", "unconfirmed"),),
        prepare=_of_nobody,
    ),
    Kind("create_payment", (INTENTS,), _intents, [("succeeded", 12_000)], arguments=OFF_SESSION),
    Kind(
        "create_payment",
        (INTENTS,),
        _intents,
        [("requires_payment_method", 12_000)],
        arguments=OFF_SESSION,
        prepare=_with_a_bad_card,
        ended=CommandState.DECLINED,
    ),
    Kind("cancel_payment", (f"{SESSIONS}/*/expire",), _page, "expired", prepare=_a_page),
    Kind("create_invoice", ("/v1/invoices", LINES, FINALIZE, SEND), _created, [("open", 12_000, 1)]),
    Kind("create_invoice", (PAY,), _paid, [("paid", 12_000)], arguments=CHARGED),
    Kind("finalise_invoice", (FINALIZE,), _status, ("open", 0), "draft"),
    Kind("send_invoice", (SEND,), _mails, 1, "open"),
    Kind("pay_invoice", (PAY,), _status, ("paid", 12_000), "open"),
    Kind("void_invoice", (f"{ONE}/void",), _status, ("void", 0), "open"),
    Kind("mark_invoice_uncollectible", (f"{ONE}/mark_uncollectible",), _status, ("uncollectible", 0), "open"),
    Kind(
        "credit_invoice",
        ("/v1/credit_notes",),
        _credits,
        [4000],
        "open",
        (("amount", "40"), ("currency", "USD")),
    ),
]
STEPS = [pytest.param(kind, path, id=f"{kind} {path}") for kind in KINDS for path in kind.paths]
steps = pytest.mark.parametrize(("kind", "path"), STEPS)
kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(org: RunningSandbox, database: Database, database_url: str, tmp_path: Path) -> Desk:
    async with open_desk(org, database, database_url, tmp_path) as it:
        yield it


async def _tried(desk: InvoiceDesk, kind: Kind, subject: str) -> str:
    """Ask, and lose the answer; return the command's id."""
    command = await desk.ask(kind.name, subject, **dict(kind.arguments))
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await desk.settled(command)
    assert type(raised.value).__name__ == AGAIN
    return command.id


@steps
async def test_timed_out_after_the_effect_at_every_step(desk: InvoiceDesk, kind: Kind, path: str) -> None:
    subject = await kind.subject(desk)
    desk.strike(path=path, fault="disconnect", after_effect=True, times=1)
    command = await _tried(desk, kind, subject)
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is kind.ended
    assert await kind.left(desk, subject) == kind.result


@steps
async def test_two_days_later_every_step_is_looked_for_before_it_is_repeated(
    desk: InvoiceDesk, kind: Kind, path: str
) -> None:
    subject = await kind.subject(desk)
    desk.strike(path=path, fault="disconnect", after_effect=True, times=1)
    command = await _tried(desk, kind, subject)
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is kind.ended
    assert await kind.left(desk, subject) == kind.result


@steps
async def test_two_days_later_what_never_happened_is_done(desk: InvoiceDesk, kind: Kind, path: str) -> None:
    subject = await kind.subject(desk)
    desk.strike(path=path, fault="disconnect", times=1)
    command = await _tried(desk, kind, subject)
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is kind.ended
    assert await kind.left(desk, subject) == kind.result


@kinds
async def test_carried_out_twice_at_once_it_is_done_once(desk: InvoiceDesk, kind: Kind) -> None:
    subject = await kind.subject(desk)
    command = await desk.ask(kind.name, subject, **dict(kind.arguments))
    both = (desk.commands.execute(command.id, attempts=0) for _ in range(2))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert {type(one).__name__ for one in results} <= {"NoneType", AGAIN}, results
    assert (await desk.settled(command)).state is kind.ended
    assert await kind.left(desk, subject) == kind.result


@kinds
async def test_asked_twice_it_is_one_command(desk: InvoiceDesk, kind: Kind) -> None:
    subject = await kind.subject(desk)
    first = await desk.ended(kind.name, subject, **dict(kind.arguments))
    again = await desk.ask(kind.name, subject, **dict(kind.arguments))
    assert (again.id, again.state) == (first.id, kind.ended)
    assert await kind.left(desk, subject) == kind.result


@kinds
async def test_without_our_rows_the_same_request_finds_what_it_did(
    desk: InvoiceDesk, kind: Kind, org: RunningSandbox, postgres_url: str, tmp_path: Path
) -> None:
    """The database was restored from an older state, and Salesforce repeats its events."""
    subject = await kind.subject(desk)
    await desk.ended(kind.name, subject, **dict(kind.arguments))
    url = fresh_database(postgres_url)
    database = open_database(url, pool_size=3)
    try:
        async with open_desk(org, database, url, tmp_path) as other:
            ended = await other.ended(kind.name, subject, **dict(kind.arguments))
            assert ended.state is kind.ended, (ended.reason, ended.message)
            assert await kind.left(desk, subject) == kind.result
    finally:
        await database.close()
        drop_database(postgres_url, url)
