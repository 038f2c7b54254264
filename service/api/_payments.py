"""PaymentsService: parse, call, translate. Rules live in the rooms below; errors are rewritten by the interceptor."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from service.api._asking import signed
from service.api._deadlines import HasDeadline, time_left
from service.api._messages import payment_from_facts, payment_of, request_state_of
from service.api._pages import Position, write_token
from service.api._streams import Stream, require_entity
from service.api._validation import ListQuery, parse_change, parse_create, parse_get, parse_list, parse_watch
from service.api._watch import ChangeReader, PaymentFeed, too_slow
from service.commands import Command, Commands, CommandState
from service.db import Database, Together
from service.errors import CounterfoilError, NotFound, Refused, VendorError, VendorUnavailable
from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2, payments_service_pb2_grpc
from service.history.feed import FeedFilter
from service.mirror import MirrorRow
from service.projection import PaymentFacts, list_payments, load_payments, payment_in
from service.projection.feed import Changes, read_changes

Body = Mapping[str, Any]
DEFAULT_WAIT = timedelta(seconds=30)
# Kept from every wait, to read the payment and answer; never more than a quarter of what is left.
READ_RESERVE = timedelta(milliseconds=200)
# A watcher that does not take a message for so long is given up.
SENDING = timedelta(seconds=30)


def unsuccessful(command: Command) -> CounterfoilError:
    """Return the error of a command that ended without a payment.

    Whatever its reason, repeating it helps only once somebody has mended the cause: FAILED_PRECONDITION, or INTERNAL
    for a fault of ours.
    """
    kind = CounterfoilError if command.reason in {None, CounterfoilError.reason} else Refused
    return kind(
        command.message or "The request was given up.",
        reason=command.reason,
        metadata={"payment_id": command.target_id or command.id, "request_state": command.state.name},
    )


def patience(context: HasDeadline) -> timedelta:
    """How long to wait for something: a little less than the interceptor allows, or the payment would be lost too."""
    left = time_left(context)
    return DEFAULT_WAIT if left is None else left - min(READ_RESERVE, left / 4)


Change = (
    payments_service_pb2.CapturePaymentRequest
    | payments_service_pb2.CancelPaymentRequest
    | payments_service_pb2.RefundPaymentRequest
)
_INTENT = "pi_"
_CHARGE = "latest_charge"
_CAME_TO_NOTHING = {CommandState.REFUSED, CommandState.FAILED, CommandState.REJECTED, CommandState.EXPIRED}


@dataclass(frozen=True, slots=True)
class _Changed:
    """A request for a change, whether it was asked for before, and the payment as it stands."""

    command: Command
    replayed: bool
    payment: payment_pb2.Payment


class PaymentReader(ChangeReader):
    """Reads payments: single ones together with all that are asked for at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together = Together(self._load)

    async def read(self, entity: str, payment_id: str, shown: Sequence[Body] = ()) -> PaymentFacts | None:
        """Return one payment, if there is one; with `shown` of its objects as Stripe has just told them."""
        return payment_in(await self._together.get((entity, payment_id)), shown)

    async def _load(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[MirrorRow] | None]:
        async with self._database.glance() as tx:
            return await load_payments(tx, keys)

    async def page(self, query: ListQuery) -> tuple[list[PaymentFacts], Position | None]:
        """Return the payments of a page, and where the next one begins, if there may be one."""
        async with self._database.read() as tx:
            return await list_payments(
                tx,
                query.entity,
                record_id=query.record_id,
                status=query.status,
                customer_id=query.customer_id,
                after=query.after,
                limit=query.page_size,
            )

    async def changes(self, wanted: FeedFilter, *, after: int, until: int | None, limit: int) -> Changes:
        """Return some of the feed."""
        async with self._database.read() as tx:
            return await read_changes(tx, wanted, after=after, until=until, limit=limit)


class PaymentsService(payments_service_pb2_grpc.PaymentsServiceServicer):
    """The methods of `counterfoil.v1.PaymentsService`; its contract lists their errors."""

    def __init__(
        self, commands: Commands, payments: PaymentReader, entities: Collection[str], feed: PaymentFeed
    ) -> None:
        self._commands = commands
        self._payments = payments
        self._feed = feed
        self._entities = frozenset(entities)

    async def CreatePayment(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.CreatePaymentRequest, context: HasDeadline
    ) -> payments_service_pb2.CreatePaymentResponse:
        """Accept, wait, and return the payment as it stands; the command lives on when the caller does not."""
        command, replayed = await self._commands.accept(signed(parse_create(request)))
        if not command.state.settled:
            command = await self._commands.wait(command.id, patience(context))
        if command.state in _CAME_TO_NOTHING:
            raise unsuccessful(command)
        return payments_service_pb2.CreatePaymentResponse(
            payment=payment_of(command, await self._facts(command, context)),
            replayed=replayed,
            client_secret=await self._client_secret(command, context) or "",
        )

    async def CapturePayment(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.CapturePaymentRequest, context: HasDeadline
    ) -> payments_service_pb2.CapturePaymentResponse:
        """Capture what is held."""
        done = await self._change(request, context)
        return payments_service_pb2.CapturePaymentResponse(
            payment=done.payment, request_state=request_state_of(done.command.state), replayed=done.replayed
        )

    async def CancelPayment(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.CancelPaymentRequest, context: HasDeadline
    ) -> payments_service_pb2.CancelPaymentResponse:
        """Cancel what was not taken."""
        done = await self._change(request, context)
        return payments_service_pb2.CancelPaymentResponse(
            payment=done.payment, request_state=request_state_of(done.command.state), replayed=done.replayed
        )

    async def RefundPayment(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.RefundPaymentRequest, context: HasDeadline
    ) -> payments_service_pb2.RefundPaymentResponse:
        """Give back what was taken."""
        done = await self._change(request, context)
        return payments_service_pb2.RefundPaymentResponse(
            payment=done.payment,
            refund_id=done.command.result_id or "",
            request_state=request_state_of(done.command.state),
            replayed=done.replayed,
        )

    async def _change(self, request: Change, context: HasDeadline) -> "_Changed":
        """Have something done with a payment, and wait for it; the command lives on when the caller does not."""
        payment_id, asked = parse_change(request)
        require_entity(self._entities, asked.entity)
        page = isinstance(request, payments_service_pb2.CancelPaymentRequest)
        intent = await self._intent_of(asked.entity, payment_id, or_page=page)
        command, replayed = await self._commands.accept(signed(replace(asked, target_id=intent)))
        if not command.state.settled:
            command = await self._commands.wait(command.id, patience(context))
        if command.state.settled and command.state is not CommandState.SUCCEEDED:
            raise unsuccessful(command)
        shown = await self._look(command, intent, context)
        facts = await self._payments.read(command.entity, intent, shown)
        # Unknown here until Stripe's news of it have come.
        named = intent if intent.startswith(_INTENT) else ""
        payment = payment_pb2.Payment(payment_id=payment_id, entity=command.entity, payment_intent_id=named)
        return _Changed(command, replayed, payment_from_facts(facts) if facts else payment)

    async def _look(self, command: Command, intent: str, context: HasDeadline) -> Sequence[Body]:
        """Return the intent and its charge as Stripe has them once changed; nothing, should that take too long."""
        if not command.state.settled or not intent.startswith(_INTENT):
            return ()
        try:
            async with asyncio.timeout(patience(context).total_seconds()):
                body = await self._commands.look(command, "payment_intent", intent, expand=(_CHARGE,))
        except (TimeoutError, VendorError):
            return ()
        charge = body.get(_CHARGE)
        return ({**body, _CHARGE: charge["id"]}, charge) if isinstance(charge, Mapping) else (body,)

    async def _intent_of(self, entity: str, payment_id: str, *, or_page: bool = False) -> str:
        """Return Stripe's id of a payment, or of the page or link it waits on: by it a change names the payment."""
        if payment_id.startswith(_INTENT):
            return payment_id
        facts = await self._payments.read(entity, payment_id)
        if facts is None:
            raise NotFound("There is no payment of this id: check the id and the entity.")
        if facts.payment_intent_id is None:
            asked = await self._commands.get(payment_id) if or_page else None
            page = (asked.checkout_session_id or asked.result_id) if asked else None
            if page is not None:
                return page
            raise Refused("Nothing of this payment has reached Stripe yet.", reason="PAYMENT_NOT_FOUND")
        return facts.payment_intent_id

    async def GetPayment(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.GetPaymentRequest, _context: HasDeadline
    ) -> payments_service_pb2.GetPaymentResponse:
        """Return one payment."""
        entity, payment_id = parse_get(request)
        require_entity(self._entities, entity)
        facts = await self._payments.read(entity, payment_id)
        if facts is None:
            raise NotFound("There is no payment of this id: check the id and the entity.")
        return payments_service_pb2.GetPaymentResponse(payment=payment_from_facts(facts))

    async def ListPayments(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.ListPaymentsRequest, _context: HasDeadline
    ) -> payments_service_pb2.ListPaymentsResponse:
        """Return one page of payments."""
        query = parse_list(request)
        require_entity(self._entities, query.entity)
        shown, position = await self._payments.page(query)
        token = write_token(position, query.digest) if position else ""
        return payments_service_pb2.ListPaymentsResponse(
            payments=[payment_from_facts(facts) for facts in shown], next_page_token=token
        )

    async def WatchPayments(  # noqa: N802  (the contract's name)
        self, request: payments_service_pb2.WatchPaymentsRequest, context: Stream
    ) -> None:
        """Tell changes until the caller has enough."""
        wanted, resume = parse_watch(request)
        require_entity(self._entities, wanted.entity or "")
        token = request.resume_token
        async with aclosing(self._feed.watch(wanted, resume)) as answers:
            async for answer in answers:
                try:
                    async with asyncio.timeout(SENDING.total_seconds()):
                        await context.write(answer)
                except TimeoutError:
                    raise too_slow(token) from None
                token = answer.resume_token

    async def _facts(self, command: Command, context: HasDeadline) -> PaymentFacts | None:
        """Read the payment. Of an unfinished one the command tells as much itself, should reading take too long."""
        if command.state.settled:
            return await self._payments.read(command.entity, command.id)
        try:
            async with asyncio.timeout(patience(context).total_seconds()):
                return await self._payments.read(command.entity, command.id)
        except TimeoutError:
            return None

    async def _client_secret(self, command: Command, context: HasDeadline) -> str | None:
        """Ask Stripe for the secret, if there is one; the payment is worth answering without it."""
        if command.method != "unconfirmed" or command.payment_intent_id is None:
            return None
        try:
            async with asyncio.timeout(patience(context).total_seconds()):
                return await self._commands.client_secret(command)
        except (TimeoutError, VendorUnavailable):
            return None
