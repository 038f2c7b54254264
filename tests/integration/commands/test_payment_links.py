"""Payment links: one link a request, ended with every page it opened, whatever fails and however late."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.commands import Command, CommandState, Request
from service.commands.preview import Preview
from service.db import Database
from tests.integration.commands.invoicing import InvoiceDesk, open_desk
from tests.support.sandbox import PACKAGE, RunningSandbox, start_sandbox

AGAIN, LINKS = "TryAgain", "/v1/payment_links"


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = start_sandbox(tmp_path_factory.mktemp("sandbox"), PACKAGE)
    yield running
    assert running.stop() == 0


@pytest.fixture
async def desk(org: RunningSandbox, database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Any]:
    async with open_desk(org, database, database_url, tmp_path) as it:
        yield it


async def links_of(desk: InvoiceDesk, record: str) -> list[dict[str, Any]]:
    found = [one.body for one in await desk.stripe.list("payment_link", {}, limit=1000)]
    return [one for one in found if one["metadata"].get("salesforce_record_id") == record]


async def pages_of(desk: InvoiceDesk, link: str) -> list[str]:
    return sorted(
        one.body["status"] for one in await desk.stripe.list("checkout.session", {"payment_link": link}, limit=9)
    )


async def linked(desk: InvoiceDesk, **arguments: str) -> str:
    """Have a link made for a new record; return the link's id."""
    record = await desk.opportunity(Amount=250)
    return await desk.done("create_payment", record, method="payment_link", **arguments)


async def ended(desk: InvoiceDesk, link: str) -> Command:
    return await desk.settled(await ask_to_end(desk, link))


async def ask_to_end(desk: InvoiceDesk, link: str) -> Command:
    return (await desk.commands.accept(Request("acme", "cancel_payment", target_id=link)))[0]


async def visit(url: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as customer:
        return await customer.get(url)


async def pay(page: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as customer:
        await customer.post(page, data={"payment_method": "pm_card_visa"})


async def tried(desk: InvoiceDesk, command: Command) -> None:
    """Carry a command out, and lose the answer."""
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await desk.settled(command)
    assert type(raised.value).__name__ == AGAIN


async def test_a_link_is_made_in_one_call_and_names_what_it_is_for(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(Amount=250)
    before = len(desk.requests())
    made = await desk.done("create_payment", record, method="payment_link", capture_method="manual")
    assert [one["path"] for one in desk.requests()[before:]] == [LINKS]
    link = (await desk.stripe.retrieve("payment_link", made, expand=["line_items"])).body
    assert link["restrictions"] == {"completed_sessions": {"count": 0, "limit": 1}}
    [line] = link["line_items"]["data"]
    assert (line["amount_total"], line["currency"], line["description"]) == (25_000, "usd", "Brightwater")
    data = link["payment_intent_data"]
    assert (data["capture_method"], data["metadata"]) == ("manual", link["metadata"])
    assert link["metadata"]["salesforce_record_id"] == record


async def test_a_dry_run_tells_the_call(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(Amount=250)
    seen: Preview = await desk.commands.preview(
        Request("acme", "create_payment", record, arguments={"method": "payment_link"})
    )
    assert [call.path for call in seen.calls] == [LINKS]
    assert (seen.complete, seen.amount_minor, seen.currency) == (True, 25_000, "USD")
    assert await links_of(desk, record) == []


@pytest.mark.parametrize("happened", [True, False], ids=["it was made", "it was not"])
async def test_two_days_later_the_link_is_looked_for(desk: InvoiceDesk, *, happened: bool) -> None:
    record = await desk.opportunity(Amount=250)
    command = await desk.ask("create_payment", record, method="payment_link")
    desk.strike(path=LINKS, fault="disconnect", after_effect=happened, times=1)
    await tried(desk, command)
    for _ in range(101 if happened else 0):  # newer ones, so that it is not on the first page
        await desk.make("payment_link", line_items=[{"quantity": 1, "price_data": _price()}])
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    assert (await desk.settled(command)).state is CommandState.SUCCEEDED
    [link] = await links_of(desk, record)
    assert (await desk.commands.get(command.id)).result_id == link["id"]


def _price() -> dict[str, Any]:
    return {"currency": "usd", "unit_amount": 100, "product_data": {"name": "Spoon"}}


async def test_a_fault_of_stripes_own_that_is_kept_under_the_key(desk: InvoiceDesk) -> None:
    desk.strike(path=LINKS, fault="status", status=500, after_effect=True, times=1)
    record = await desk.opportunity(Amount=250)
    await desk.done("create_payment", record, method="payment_link")
    assert len(await links_of(desk, record)) == 1


async def test_a_cancelled_link_ends_with_its_pages(desk: InvoiceDesk) -> None:
    link = await linked(desk)
    url = (await desk.stripe.retrieve("payment_link", link)).body["url"]
    for _ in range(2):
        await visit(url)
    assert (await ended(desk, link)).state is CommandState.SUCCEEDED
    assert not (await desk.stripe.retrieve("payment_link", link)).body["active"]
    assert await pages_of(desk, link) == ["expired", "expired"]
    assert (await visit(url)).status_code == httpx.codes.GONE


@pytest.mark.parametrize("happened", [True, False], ids=["it was done", "it was not"])
@pytest.mark.parametrize("step", ["link", "page"])
async def test_two_days_later_every_step_of_ending_is_looked_for(
    desk: InvoiceDesk, step: str, *, happened: bool
) -> None:
    link = await linked(desk)
    url = (await desk.stripe.retrieve("payment_link", link)).body["url"]
    await visit(url)
    path = f"{LINKS}/{link}" if step == "link" else "/v1/checkout/sessions/*/expire"
    command = await ask_to_end(desk, link)
    desk.strike(path=path, fault="disconnect", after_effect=happened, times=1)
    await tried(desk, command)
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    assert (await desk.settled(command)).state is CommandState.SUCCEEDED
    assert not (await desk.stripe.retrieve("payment_link", link)).body["active"]
    assert await pages_of(desk, link) == ["expired"]


async def test_carried_out_twice_at_once_it_is_made_and_ended_once(desk: InvoiceDesk) -> None:
    record = await desk.opportunity(Amount=250)
    command = await desk.ask("create_payment", record, method="payment_link")
    await _twice_at_once(desk, command)
    [link] = await links_of(desk, record)
    await _twice_at_once(desk, await ask_to_end(desk, link["id"]))
    [link] = await links_of(desk, record)
    assert not link["active"]


async def _twice_at_once(desk: InvoiceDesk, command: Command) -> None:
    both = (desk.commands.execute(command.id, attempts=0) for _ in range(2))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert {type(one).__name__ for one in results} <= {"NoneType", AGAIN}, results
    assert (await desk.settled(command)).state is CommandState.SUCCEEDED


async def test_a_link_that_was_paid_by_is_not_ended(desk: InvoiceDesk) -> None:
    link = await linked(desk)
    url = (await desk.stripe.retrieve("payment_link", link)).body["url"]
    page = (await visit(url)).headers["location"]
    command = await ask_to_end(desk, link)
    # The customer pays after it was seen that nobody had, before the page is ended.
    desk.strike(path="/v1/checkout/sessions/*/expire", fault="disconnect", times=1)
    await tried(desk, command)
    await pay(page)
    settled = await desk.settled(command)
    told = "the link was paid already: refund the payment instead"
    assert (settled.state, settled.reason, settled.message) == (
        CommandState.REFUSED,
        "PAYMENT_NOT_CANCELLABLE",
        told,
    )
    other = await ended(desk, link)
    assert (other.state, other.message) == (CommandState.REFUSED, told)
