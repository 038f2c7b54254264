"""What a request by the record is about is found in Stripe when our rows of it are lost, or never came."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from service.commands import CommandState
from service.db import Database
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

LINE = ("CF-SUB", "2", {"UnitPrice": 60})


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(
    org: RunningSandbox, database: Database, database_url: str, tmp_path: Path
) -> AsyncIterator[InvoiceDesk]:
    async with open_desk(org, database, database_url, tmp_path) as it:
        yield it


async def lose(database: Database) -> None:
    async with database.transaction() as tx:
        for table in ("notes", "mirror", "calls", "commands"):
            await tx.execute(text(f"DELETE FROM {table}"))  # noqa: S608  (constants)


@pytest.mark.parametrize(
    ("operation", "stage", "left"),
    [
        ("finalise_invoice", "draft", "open"),
        ("send_invoice", "open", "open"),
        ("pay_invoice", "open", "paid"),
        ("void_invoice", "open", "void"),
        ("mark_invoice_uncollectible", "open", "uncollectible"),
        ("credit_invoice", "open", "paid"),
    ],
)
async def test_the_only_invoice_of_the_record(
    desk: InvoiceDesk, database: Database, operation: str, stage: str, left: str
) -> None:
    record = await desk.opportunity(LINE)
    invoice = await desk.done("create_invoice", record, advance_to=stage)
    await lose(database)
    await desk.done(operation, record)
    assert (await desk.invoice(invoice))["status"] == left


async def test_of_several_only_the_one_that_it_can_be(desk: InvoiceDesk, database: Database) -> None:
    record = await desk.opportunity(LINE)
    older = await desk.done("create_invoice", record, advance_to="open")
    await desk.done("void_invoice", older)
    newer = await desk.done("create_invoice", record, version="2", advance_to="open")
    await lose(database)
    await desk.done("send_invoice", record)
    assert await desk.told("invoice.sent", newer) == 1
    third = await desk.done("create_invoice", record, version="3", advance_to="open")
    await lose(database)
    ended = await desk.ended("void_invoice", record)
    assert (ended.state, ended.reason) == (CommandState.REFUSED, "INVOICE_AMBIGUOUS")
    assert all(one in (ended.message or "") for one in (newer, third))


async def test_an_invoice_of_another_record_of_the_same_customer_is_left_alone(
    desk: InvoiceDesk, database: Database
) -> None:
    record = await desk.opportunity(LINE)
    account = desk.org.get("Opportunity", record)["AccountId"]
    other = await desk.opportunity(LINE)
    desk.org.change("Opportunity", other, AccountId=account)
    await desk.done("create_invoice", record, advance_to="open")
    await lose(database)
    ended = await desk.ended("void_invoice", other)
    assert (ended.state, ended.reason) == (CommandState.REFUSED, "INVOICE_NOT_FOUND")


async def test_the_only_payment_of_the_record(desk: InvoiceDesk, database: Database) -> None:
    record = await desk.opportunity(Amount=250)
    await desk.done("create_payment", record, method="off_session")
    await lose(database)
    await desk.done("refund_payment", record)
    [intent] = [
        one.body
        for one in await desk.stripe.list("payment_intent", {}, limit=1000)
        if one.body["metadata"].get("salesforce_record_id") == record
    ]
    [refund] = await desk.stripe.list("refund", {"payment_intent": intent["id"]}, limit=10)
    assert refund.body["amount"] == 25_000
