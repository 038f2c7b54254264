"""What becomes of a payment whose record has changed since it was asked for, in an entity that wants a new version.

A request then has a successor, at most one, which ends what its predecessors still wait on before it asks for anything
itself. So at any time one payment of a business version can be made. Where a customer has begun to pay there is none:
whether to refund or to ask for the rest is for a person to decide.
"""

import hashlib
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from service import audit
from service.clock import Clock
from service.commands import _ledger as ledger
from service.commands._audited import asked
from service.commands._ending import end_intent, end_link, end_page, is_cancelled, is_expired
from service.commands._ledger import Command, CommandState, commands, to_command
from service.commands._payment import decline_in
from service.commands._request import CREATE_PAYMENT, Request
from service.commands._sights import sight_of
from service.commands._steps import Steps
from service.commands._target import Body
from service.commands._tasks import defer
from service.commands._terms import Terms
from service.commands._waiting import LINK, PAGE, is_paid
from service.config import Entity
from service.db import Transaction
from service.domain import from_minor
from service.errors import Refused, VendorRejected
from service.intake import observe

_REPLACED = "REQUEST_REPLACED"
_VERSION_CHARS = 80
# A version of a successor may have been used by hand: then the next number is taken.
_TRIES = 12
# What a successor does not take over from its predecessor.
_FRESH = (
    *("request_id", "terms", "reason", "message", "conflict", "failure_code", "failure_message", "settled_at"),
    *("payment_intent_id", "checkout_session_id", "result_id", "amount_minor", "currency", "counted_at"),
    *("approval", "approval_due_at", *ledger.DECISION, "repeated_by"),
)
# The customer or the bank has acted (docs.stripe.com/payments/paymentintents/lifecycle).
_BEGUN = frozenset({"succeeded", "processing", "requires_capture"})
# A request in one of these is as its record was; one that was refused or given up is taken up again by itself.
_COMPARED = frozenset(
    {
        CommandState.SUCCEEDED,
        CommandState.DECLINED,
        CommandState.REJECTED,
        CommandState.EXPIRED,
        CommandState.PENDING_APPROVAL,
    }
)


def renews(entity: Entity, command: Command) -> bool:
    """Tell whether a request is to have a successor when its record differs from what it was asked for."""
    wanted = entity.on_change == "new_version" and command.source == "salesforce"
    return wanted and command.operation == CREATE_PAYMENT and command.state in _COMPARED and command.dry_run is None


async def newest(tx: Transaction, command: Command) -> Command:
    """Return the last successor of a request, or the request itself."""
    while True:
        row = (await tx.execute(select(commands).where(commands.c.replaces == command.id))).one_or_none()
        if row is None:
            return command
        command = to_command(row)


async def _earlier(tx: Transaction, command: Command) -> list[Command]:
    """Return what a request replaces, the latest first."""
    found: list[Command] = []
    while (command.replaces is not None) and (above := await ledger.get(tx, command.replaces)) is not None:
        found.append(above)
        command = above
    return found


async def refuse_collected(steps: Steps, command: Command) -> None:
    """See that nobody has begun to pay by a request or by what it replaces.

    Raises:
        Refused: PAYMENT_COLLECTED.
        VendorError: Stripe did not answer as it should.
    """
    async with steps.database.read() as tx:
        every = [command, *await _earlier(tx, command)]
    for one in every:
        if (body := await _made_by(steps, one)) is not None and await _is_begun(steps, one, body):
            raise _collected(one)


async def end_earlier(steps: Steps, command: Command) -> None:
    """End whatever the requests that a request replaces still wait on.

    Raises:
        Refused: PAYMENT_COLLECTED: the customer was faster.
        VendorError: Stripe did not answer as it should.
    """
    async with steps.database.read() as tx:
        every = await _earlier(tx, command)
    for one in every:
        if (body := await _made_by(steps, one)) is None:
            continue
        if await _is_begun(steps, one, body):
            raise _collected(one)
        try:
            await _end(steps, command, body)
        except (Refused, VendorRejected):
            if await _is_begun(steps, one, await _made_by(steps, one) or {}):
                raise _collected(one) from None
            raise


async def _end(steps: Steps, command: Command, body: Body) -> None:
    made, kind = str(body["id"]), body["object"]
    if kind == LINK:
        await end_link(steps, command, made)
    elif kind == PAGE:
        if not is_expired(body):
            await end_page(steps, command, made)
    elif not is_cancelled(body):
        await end_intent(steps, command, made)


async def _made_by(steps: Steps, command: Command) -> Body | None:
    """Return the link, page or payment intent that a request made, as Stripe has it now; None if it made none."""
    stripe = steps.stripe[command.entity]
    if command.method == "payment_link" and command.result_id:
        return (await stripe.retrieve("payment_link", command.result_id)).body
    if command.checkout_session_id:
        return (await stripe.retrieve("checkout.session", command.checkout_session_id)).body
    if command.payment_intent_id:
        return (await stripe.retrieve("payment_intent", command.payment_intent_id)).body
    return None


async def _is_begun(steps: Steps, command: Command, body: Body) -> bool:
    """Tell whether money was taken, is held, or is on its way."""
    if is_paid(body) or body.get("status") in _BEGUN:
        return True
    intent = body.get("payment_intent")  # of a page; its bank may still be asked
    if not isinstance(intent, str):
        return False
    found = (await steps.stripe[command.entity].retrieve("payment_intent", intent)).body
    return found.get("status") in _BEGUN and decline_in(found) is None


def _collected(command: Command) -> Refused:
    terms = Terms.of(command.terms or {})
    shown = f"{from_minor(terms.amount_minor, terms.currency):f} {terms.currency.upper()}"
    return Refused(
        f"the record has changed, and {shown} was paid already, or is being paid: refund it or not, and ask for what "
        "is due with a version of its own",
        reason="PAYMENT_COLLECTED",
        metadata={"command_id": command.id, "version": command.version},
    )


async def renew(steps: Steps, command: Command) -> str | None:
    """Ask for the record as it is now, unless somebody has begun to pay: then return what is to be shown on it.

    Raises:
        VendorError: Stripe did not answer as it should.
    """
    try:
        await refuse_collected(steps, command)
    except Refused as error:
        return error.message
    now = steps.clock.now()
    async with steps.database.transaction() as tx:
        if (made := await _add_successor(tx, command, steps.clock)) is not None:
            ended, successor, request = made
            await audit.append(tx, [asked(successor, request, now)])
            await defer(tx, successor)
            await observe(tx, [sight_of(ended), sight_of(successor)], now=now)
    steps.wakes.signal("mirror")
    return None


async def _add_successor(tx: Transaction, command: Command, clock: Clock) -> tuple[Command, Command, Request] | None:
    """Record the successor of a request; return both, or None if there is one or the request has moved on.

    A request that waits for approval ends with it: what it asked for is not wanted any more.
    """
    current = await ledger.get(tx, command.id, lock=True)
    if current is None or current.state is not command.state or (await newest(tx, current)).id != current.id:
        return None
    above = await _earlier(tx, current)
    root = above[-1] if above else current
    for number in range(len(above) + 2, len(above) + _TRIES):
        request = _request(current, _numbered(root.version, number))
        made = _successor(current, request, clock)
        if not await ledger.add(tx, made):
            continue
        ended: dict[str, object] = {"conflict": None}
        if current.state is CommandState.PENDING_APPROVAL:
            text = f"the record has changed: asked for anew as version {made.version}"
            ended |= {"state": CommandState.REFUSED, "approval": None, "approval_due_at": None}
            ended |= {"reason": _REPLACED, "message": text, "settled_at": clock.now()}
        return await ledger.change(tx, current.id, **ended), made, request
    return None


def _request(command: Command, version: str) -> Request:
    """Return the request again, by whoever repeated it; neither that one nor who asked first may approve."""
    return Request(
        command.entity,
        command.operation,
        command.record_id,
        arguments=command.arguments,
        version=version,
        requested_by=command.repeated_by or command.requested_by,
        asked_as=command.requested_by if command.repeated_by else command.asked_as,
        source=command.source,
    )


def _successor(command: Command, request: Request, clock: Clock) -> Command:
    fresh: dict[str, Any] = dict.fromkeys(_FRESH)
    return replace(
        command,
        id=f"cmd_{clock.new_id().hex}",
        version=request.version,
        fingerprint=request.fingerprint(),
        requested_by=request.requested_by,
        asked_as=request.asked_as,
        state=CommandState.ACCEPTED,
        revision=1,
        created_at=clock.now(),
        replaces=command.id,
        **fresh,
    )


def _numbered(version: str, number: int) -> str:
    """Return the version of the n-th of a line of successors, the first being the one that was asked for."""
    text = f"{version}~{number}"
    if len(text) <= _VERSION_CHARS:
        return text
    return f"sha256:{hashlib.sha256(version.encode()).hexdigest()[:40]}~{number}"
