"""InvoicesService: parse, call, translate. Rules live in the rooms below; errors are rewritten by the interceptor."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeVar

from service.api._asking import signed
from service.api._deadlines import HasDeadline
from service.api._invoice_messages import invoice_from_facts
from service.api._invoice_validation import (
    Change,
    InvoiceQuery,
    parse_change,
    parse_create,
    parse_get,
    parse_list,
)
from service.api._messages import failure_of, request_state_of
from service.api._pages import Position, write_token
from service.api._payments import patience
from service.commands import Command, Commands, CommandState
from service.db import Database
from service.errors import CounterfoilError, NotFound, Refused, VendorError
from service.gen.counterfoil.v1 import invoice_pb2, invoices_service_pb2, invoices_service_pb2_grpc
from service.projection.invoices import InvoiceFacts, invoice_in, list_invoices, read_invoice

A = TypeVar("A")
_UNKNOWN = "There is no invoice of this id: check the id and the entity."


def unsuccessful(command: Command) -> CounterfoilError:
    """Return the error of a command that came to nothing; repeating it helps once somebody has mended the cause."""
    kind = CounterfoilError if command.reason in {None, CounterfoilError.reason} else Refused
    subject = {"invoice_id": command.target_id} if command.target_id else {"command_id": command.id}
    return kind(
        command.message or "The request was given up.",
        reason=command.reason,
        metadata={**subject, "request_state": command.state.name},
    )


class InvoiceReader:
    """Reads invoices, each time in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, entity: str, invoice_id: str) -> InvoiceFacts | None:
        """Return one invoice, if there is one."""
        async with self._database.read() as tx:
            return await read_invoice(tx, entity, invoice_id)

    async def page(self, query: InvoiceQuery) -> tuple[list[InvoiceFacts], Position | None]:
        """Return the invoices of a page, and where the next one begins, if there may be one."""
        async with self._database.read() as tx:
            return await list_invoices(
                tx,
                query.entity,
                record_id=query.record_id,
                status=query.status,
                customer_id=query.customer_id,
                after=query.after,
                limit=query.page_size,
            )


class InvoicesService(invoices_service_pb2_grpc.InvoicesServiceServicer):
    """The methods of `counterfoil.v1.InvoicesService`; its contract lists their errors."""

    def __init__(self, commands: Commands, invoices: InvoiceReader, entities: Collection[str]) -> None:
        self._commands = commands
        self._invoices = invoices
        self._entities = frozenset(entities)

    async def CreateInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.CreateInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.CreateInvoiceResponse:
        """Accept, wait, and return the invoice as it stands; the command lives on when the caller does not."""
        command, replayed = await self._commands.accept(signed(parse_create(request)))
        command = await self._commands.wait(command.id, patience(context))
        if command.state in {CommandState.REFUSED, CommandState.FAILED}:
            raise unsuccessful(command)
        made = command.result_id
        return invoices_service_pb2.CreateInvoiceResponse(
            invoice=await self._shown(command, made, context) if made else None,
            request_state=request_state_of(command.state),
            replayed=replayed,
            command_id=command.id,
            failure=failure_of(command),
        )

    async def FinaliseInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.FinaliseInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.FinaliseInvoiceResponse:
        """Make a draft final."""
        return await self._change(request, context, invoices_service_pb2.FinaliseInvoiceResponse)

    async def SendInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.SendInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.SendInvoiceResponse:
        """Mail an invoice."""
        return await self._change(request, context, invoices_service_pb2.SendInvoiceResponse)

    async def PayInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.PayInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.PayInvoiceResponse:
        """Have an invoice paid."""
        return await self._change(request, context, invoices_service_pb2.PayInvoiceResponse)

    async def VoidInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.VoidInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.VoidInvoiceResponse:
        """Call an invoice off."""
        return await self._change(request, context, invoices_service_pb2.VoidInvoiceResponse)

    async def MarkInvoiceUncollectible(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.MarkInvoiceUncollectibleRequest, context: HasDeadline
    ) -> invoices_service_pb2.MarkInvoiceUncollectibleResponse:
        """Give an invoice up."""
        return await self._change(request, context, invoices_service_pb2.MarkInvoiceUncollectibleResponse)

    async def CreditInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.CreditInvoiceRequest, context: HasDeadline
    ) -> invoices_service_pb2.CreditInvoiceResponse:
        """Take something off an invoice."""

        def answer(**common: Any) -> invoices_service_pb2.CreditInvoiceResponse:
            return invoices_service_pb2.CreditInvoiceResponse(**common)

        command, common = await self._done(request, context)
        return answer(credit_note_id=command.result_id or "", **common)

    async def _change(self, request: Change, context: HasDeadline, answer: type[A]) -> A:
        _, common = await self._done(request, context)
        return answer(**common)

    async def _done(self, request: Change, context: HasDeadline) -> tuple[Command, dict[str, Any]]:
        """Have something done with an invoice, and wait for it; the command lives on when the caller does not."""
        asked = parse_change(request)
        self._require(asked.entity)
        command, replayed = await self._commands.accept(signed(asked))
        command = await self._commands.wait(command.id, patience(context))
        if command.state.settled and command.state is not CommandState.SUCCEEDED:
            raise unsuccessful(command)
        invoice = await self._shown(command, request.invoice_id, context)
        state = request_state_of(command.state)
        return command, {"invoice": invoice, "request_state": state, "replayed": replayed}

    async def _shown(self, command: Command, invoice_id: str, context: HasDeadline) -> invoice_pb2.Invoice:
        """Return the invoice as Stripe has it now; as it is known here, should that take too long."""
        facts = await self._invoices.read(command.entity, invoice_id)
        try:
            async with asyncio.timeout(patience(context).total_seconds()):
                now = invoice_in(command.entity, await self._commands.look(command, "invoice", invoice_id))
        except (TimeoutError, VendorError):
            # Unknown here until Stripe's news of it have come.
            bare = invoice_pb2.Invoice(invoice_id=invoice_id, entity=command.entity)
            return invoice_from_facts(facts) if facts else bare
        return invoice_from_facts(replace(now, record_id=now.record_id or (facts.record_id if facts else None)))

    async def GetInvoice(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.GetInvoiceRequest, _context: HasDeadline
    ) -> invoices_service_pb2.GetInvoiceResponse:
        """Return one invoice."""
        entity, invoice_id = parse_get(request)
        self._require(entity)
        facts = await self._invoices.read(entity, invoice_id)
        if facts is None:
            raise NotFound(_UNKNOWN)
        return invoices_service_pb2.GetInvoiceResponse(invoice=invoice_from_facts(facts))

    async def ListInvoices(  # noqa: N802  (the contract's name)
        self, request: invoices_service_pb2.ListInvoicesRequest, _context: HasDeadline
    ) -> invoices_service_pb2.ListInvoicesResponse:
        """Return one page of invoices."""
        query = parse_list(request)
        self._require(query.entity)
        shown, position = await self._invoices.page(query)
        token = write_token(position, query.digest) if position else ""
        return invoices_service_pb2.ListInvoicesResponse(
            invoices=[invoice_from_facts(facts) for facts in shown], next_page_token=token
        )

    def _require(self, entity: str) -> None:
        if entity not in self._entities:
            raise NotFound("No legal entity of this name is configured.", reason="ENTITY_UNKNOWN")
