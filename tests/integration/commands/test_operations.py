"""Captures, cancellations and refunds against Stripe's stand-in: one effect, however it is asked and whatever fails."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from service.commands import Commands, CommandState
from service.errors import Conflict
from tests.integration.commands.conftest import Desk

HELD: dict[str, Any] = {"capture_method": "manual"}
AGAIN = "TryAgain"


async def _refunded(desk: Desk, intent: str) -> Any:
    return [one["amount"] for one in await desk.refunds(intent)]


async def _status(desk: Desk, intent: str) -> Any:
    body = await desk.intent(intent)
    return (body["status"], body["amount_received"])


class Kind:
    """One kind of operation: how to ask for it, where its call goes, and what it leaves in Stripe."""

    def __init__(
        self, name: str, path: str, left: Callable[[Desk, str], Awaitable[Any]], result: Any, **more: Any
    ) -> None:
        self.name, self.path, self.left, self.result, self.more = name, path, left, result, more
        self.arguments = {} if name == "cancel_payment" else {"amount": "40", "currency": "USD"}

    async def payment(self, desk: Desk) -> str:
        return await desk.payment(**self.more)


KINDS = [
    Kind("refund_payment", "/v1/refunds", _refunded, [4000]),
    Kind("capture_payment", "/v1/payment_intents/{}/capture", _status, ("succeeded", 4000), **HELD),
    Kind("cancel_payment", "/v1/payment_intents/{}/cancel", _status, ("canceled", 0), **HELD),
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


async def _tried(desk: Desk, kind: Kind, intent: str) -> str:
    """Ask, and lose the answer; return the command's id."""
    command = await desk.ask(kind.name, intent, **kind.arguments)
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await desk.settled(command)
    assert type(raised.value).__name__ == AGAIN
    return command.id


@kinds
async def test_in_as_few_calls_as_can_be(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    before = len(desk.sandbox.control("GET", "/stripe/requests")["requests"])
    await desk.done(kind.name, intent, **kind.arguments)
    asked = desk.sandbox.control("GET", "/stripe/requests")["requests"][before:]
    # Looked at once and done once; a cancellation asks besides whether an invoice wants the payment.
    assert len(asked) == (3 if kind.name == "cancel_payment" else 2)
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_timed_out_after_the_effect_and_repeated_under_its_key(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    path = kind.path.format(intent)
    before = len(desk.posts(path))
    desk.strike(path=path, fault="disconnect", after_effect=True, times=1)
    command = await _tried(desk, kind, intent)
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is CommandState.SUCCEEDED
    tries = desk.posts(path)[before:]
    assert [one["replayed"] for one in tries] == [False, True]
    assert len({one["idempotency_key"] for one in tries}) == 1
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_two_days_later_the_effect_is_looked_for_before_it_is_repeated(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    path = kind.path.format(intent)
    desk.strike(path=path, fault="disconnect", after_effect=True, times=1)
    command = await _tried(desk, kind, intent)
    desk.sandbox.control("DELETE", "/stripe/idempotency-keys")
    desk.clock.ahead = timedelta(days=2)
    before = len(desk.posts(path))
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is CommandState.SUCCEEDED
    assert len(desk.posts(path)) == before, "it was there, so nothing was to be done"
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_two_days_later_what_never_happened_is_done(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    path = kind.path.format(intent)
    desk.strike(path=path, fault="disconnect", times=1)
    command = await _tried(desk, kind, intent)
    desk.clock.ahead = timedelta(days=2)
    await desk.commands.execute(command, attempts=1)
    assert (await desk.commands.get(command)).state is CommandState.SUCCEEDED
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_a_fault_of_stripes_own_that_is_kept_under_the_key(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    desk.strike(path=kind.path.format(intent), fault="status", status=500, after_effect=True, times=1)
    await desk.done(kind.name, intent, **kind.arguments)
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_carried_out_twice_at_once_it_is_done_once(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    command = await desk.ask(kind.name, intent, **kind.arguments)
    both = (desk.commands.execute(command.id, attempts=0) for _ in range(2))
    results = await asyncio.gather(*both, return_exceptions=True)
    assert {type(one).__name__ for one in results} <= {"NoneType", AGAIN}, results
    assert (await desk.settled(command)).state is CommandState.SUCCEEDED
    assert await kind.left(desk, intent) == kind.result


@kinds
async def test_asked_twice_it_is_one_command(desk: Desk, kind: Kind) -> None:
    intent = await kind.payment(desk)
    first = await desk.done(kind.name, intent, **kind.arguments)
    again = await desk.ask(kind.name, intent, **kind.arguments)
    assert (again.id, again.state) == (first.id, CommandState.SUCCEEDED)
    assert await kind.left(desk, intent) == kind.result


async def test_another_amount_under_the_same_version_is_a_conflict_with_both(desk: Desk) -> None:
    intent = await desk.payment()
    await desk.done("refund_payment", intent, amount="10.50", currency="USD")
    assert (await desk.ask("refund_payment", intent, amount="10.5", currency="usd")).message is None
    with pytest.raises(Conflict, match=r"for 10\.5 and now for 11"):
        await desk.ask("refund_payment", intent, amount="11", currency="USD")
    with pytest.raises(Conflict, match=r"for 10\.5 and now for all of it"):
        await desk.ask("refund_payment", intent)


async def test_parts_until_nothing_is_left(desk: Desk) -> None:
    intent = await desk.payment(10_000)
    for version, amount in enumerate(("33.33", "33.33", "33.34"), 1):
        await desk.done("refund_payment", intent, str(version), amount=amount, currency="USD")
    refused = await desk.settled(await desk.ask("refund_payment", intent, "4", amount="0.01", currency="USD"))
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "AMOUNT_TOO_LARGE")
    assert refused.message == "0.01 USD was asked for, and 0.00 USD can be refunded: ask for less"
    assert sum(one["amount"] for one in await desk.refunds(intent)) == 10_000


async def test_somebody_else_was_faster_and_both_figures_are_told(desk: Desk) -> None:
    """The payment changes between the look at it and the call."""
    intent = await desk.payment(10_000)
    desk.strike(path="/v1/refunds", fault="disconnect", times=1)
    command = await desk.ask("refund_payment", intent, amount="80", currency="USD")
    with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
        await desk.settled(command)
    assert type(raised.value).__name__ == AGAIN
    await desk.stripe.create("refund", {"payment_intent": intent, "amount": 3000}, idempotency_key="by-hand" + intent)
    refused = await desk.settled(command)
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "AMOUNT_TOO_LARGE")
    assert refused.message == "80.00 USD was asked for, and 70.00 USD can be refunded: ask for less"


async def test_what_stripe_refuses_is_told_in_words(desk: Desk) -> None:
    intent = await desk.payment(card="pm_card_createDispute")
    desk.sandbox.control("POST", "/stripe/webhooks/flush")
    refused = await desk.settled(await desk.ask("refund_payment", intent))
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "STRIPE_REJECTED")
    assert "answer the dispute (charge_disputed)" in (refused.message or "")


async def test_a_decline_on_capture_is_an_outcome(desk: Desk) -> None:
    intent = await desk.payment(**HELD)
    path = f"/v1/payment_intents/{intent}/capture"
    desk.strike(path=path, fault="status", status=402, code="card_declined", times=1)
    ended = await desk.settled(await desk.ask("capture_payment", intent))
    assert (ended.state, ended.reason, ended.failure_code) == (
        CommandState.DECLINED,
        "PAYMENT_DECLINED",
        "card_declined",
    )
    assert (await desk.settled(ended)).state is CommandState.DECLINED, "an outcome is not tried again"
    assert len(desk.posts(path)) == 1
    await desk.done("capture_payment", intent, "2")


async def test_cancelled_already_is_what_was_wished_for(desk: Desk) -> None:
    intent = await desk.payment(**HELD)
    path = f"/v1/payment_intents/{intent}/cancel"
    await desk.done("cancel_payment", intent)
    await desk.done("cancel_payment", intent, "2")
    assert len(desk.posts(path)) == 1


async def test_what_an_invoice_asks_for_is_not_cancelled(desk: Desk) -> None:
    stripe = desk.stripe
    customer = (await stripe.create("customer", {}, idempotency_key=desk.clock.new_id().hex)).body["id"]
    intent = await _invoiced(desk, customer)
    refused = await desk.settled(await desk.ask("cancel_payment", intent))
    assert (refused.state, refused.reason) == (CommandState.REFUSED, "PAYMENT_NOT_CANCELLABLE")
    assert refused.message == "the payment belongs to an invoice: void the invoice instead"


async def _invoiced(desk: Desk, customer: str) -> str:
    import stripe as official  # noqa: PLC0415  (the client of a user, not ours)

    told = desk.sandbox.info["stripe"]
    client = official.StripeClient(told["secret_key"], base_addresses={"api": told["url"]})
    invoice = client.v1.invoices.create(
        {"customer": customer, "collection_method": "send_invoice", "days_until_due": 30}
    )
    client.v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "amount": 5000, "currency": "usd"})
    client.v1.invoices.finalize_invoice(str(invoice.id))
    [payment] = client.v1.invoice_payments.list({"invoice": str(invoice.id)}).data
    return str(payment.payment.payment_intent)


async def test_an_outage_of_an_hour_drains_by_itself(desk: Desk) -> None:
    """Run again when each command says, by the clock in hand; what was lost on the way is done once."""
    intents = [await desk.payment() for _ in range(3)]
    commands = [await desk.ask("refund_payment", intent) for intent in intents]
    desk.strike(path="/v1/refunds", fault="status", status=503, times=10_000)
    began, tries, due = desk.clock.now(), 0, dict.fromkeys((one.id for one in commands), desk.clock.now())
    desk_commands = Commands(desk.steps, attempts_limit=100)  # as it is by default
    for attempts in range(100):
        if desk.clock.now() - began > timedelta(hours=1):
            break
        for command in commands:
            with pytest.raises(Exception) as raised:  # noqa: PT011  (the room's own, told by its name)
                await desk_commands.execute(command.id, attempts=attempts)
            due[command.id] = desk.clock.now() + raised.value.delay  # type: ignore[attr-defined]
            tries += 1
        desk.clock.ahead += min(due.values()) - desk.clock.now()
    assert desk.clock.now() - began > timedelta(hours=1)
    assert tries < 30 * len(commands), "an outage is not hammered at"
    desk.sandbox.control("DELETE", "/stripe/faults")
    for command, intent in zip(commands, intents, strict=True):
        assert (await desk.settled(command)).state is CommandState.SUCCEEDED
        assert await _refunded(desk, intent) == [10_000]
