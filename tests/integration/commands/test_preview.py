"""Dry runs: the calls that would be made are told as they would be, and none is."""

from typing import Any

import orjson
import pytest

from service.commands import Command, CommandState, Request, preview
from service.commands.preview import _Reads
from service.commands.reading import list_commands
from service.errors import Refused
from service.redaction import without_people
from tests.integration.commands.conftest import Desk


def refund(intent: str, amount: str = "40") -> Request:
    return Request("acme", "refund_payment", target_id=intent, arguments={"amount": amount, "currency": "USD"})


def writes(desk: Desk) -> list[Any]:
    return [one for one in desk.sandbox.control("GET", "/stripe/requests")["requests"] if one["method"] == "POST"]


@pytest.mark.parametrize(
    ("operation", "path", "more"),
    [
        ("refund_payment", "/v1/refunds", {}),
        ("capture_payment", "/v1/payment_intents/{}/capture", {"capture_method": "manual"}),
        ("cancel_payment", "/v1/payment_intents/{}/cancel", {"capture_method": "manual"}),
    ],
)
async def test_what_is_told_is_what_is_then_done(desk: Desk, operation: str, path: str, more: dict[str, Any]) -> None:
    intent = await desk.payment(**more)
    before = len(writes(desk))
    seen = await desk.commands.preview(Request("acme", operation, target_id=intent))
    assert len(writes(desk)) == before
    [told] = seen.calls
    assert (told.method, told.path, seen.complete, seen.currency) == ("POST", path.format(intent), True, "USD")
    await desk.done(operation, intent)
    [made] = writes(desk)[before:]
    assert (made["path"], made["idempotency_key"]) == (told.path, told.idempotency_key)
    again = await desk.commands.preview(Request("acme", operation, target_id=intent))
    assert (again.calls, again.known and again.known.state) == ((), CommandState.SUCCEEDED)
    assert "asked before" in again.text()


async def test_limits_and_a_second_person_are_told(desk: Desk) -> None:
    limit = {"currency": "USD", "operations": ["refund_payment"], "approval_above": 30, "amount": 60}
    desk.bind(limits=[limit])
    intent = await desk.payment()
    seen = await desk.commands.preview(Request(**_asked(refund(intent)), requested_by="mei"))
    assert "40.00 USD is above 30 USD" in str(seen.waits)
    assert len(seen.calls) == 1
    with pytest.raises(Refused, match=r"one request may be for 60 USD"):
        await desk.commands.preview(refund(intent, "61"))
    assert await desk.refunds(intent) == []


def _asked(request: Request) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("entity", "operation", "target_id", "arguments")}


async def test_personal_texts_are_left_out() -> None:
    sent = {"name": "Mei", "metadata": {"a": "b"}, "lines": [{"description": "x", "amount": 1}], "email": None}
    kept = without_people(sent, preview._LEFT_OUT)
    assert orjson.dumps(kept).decode().count("(left out)") == 2
    assert kept["lines"][0]["amount"] == 1


async def test_a_dry_run_cannot_write(desk: Desk) -> None:
    with pytest.raises(RuntimeError):
        await _Reads(desk.stripe).create("refund", {}, idempotency_key="k")


async def test_asked_as_an_event_each_is_told_and_takes_no_version(desk: Desk) -> None:
    intent = await desk.payment()
    before = len(writes(desk))
    for event in ("one", "two", "two"):
        async with desk.steps.database.transaction() as tx:
            await desk.commands.accept_dry_in(tx, refund(intent), event, None)
    async with desk.steps.database.read() as tx:
        found, _ = await preview_rows(tx)
    assert len(found) == 2
    for command in found:
        seen = await desk.settled(command)
        assert seen.state is CommandState.PREVIEWED
        assert "POST /v1/refunds" in (seen.terms or {})["planned_calls"]
    assert len(writes(desk)) == before
    assert (await desk.done("refund_payment", intent, amount="40", currency="USD")).version == "1"


async def preview_rows(tx: Any) -> tuple[list[Command], Any]:
    return await list_commands(tx, "acme", state=None, record_id=None, operation=None, after=None, limit=10)
