"""CustomersService: parse, call, translate. What a customer is called goes into answers, and nowhere else."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from service.api._asking import signed
from service.api._customer_requests import CustomerQuery, parse_get_customer, parse_list_customers, parse_sync
from service.api._deadlines import HasDeadline
from service.api._messages import request_state_of
from service.api._pages import Position, write_token
from service.api._payments import patience
from service.commands import Command, Commands, CommandState
from service.db import Database
from service.errors import CounterfoilError, NotFound, Refused
from service.gen.counterfoil.v1 import customers_service_pb2, customers_service_pb2_grpc
from service.mirror import MirrorRow, customers

_ADDRESS = {name: name for name in ("line1", "line2", "city", "state", "postal_code")} | {"country_code": "country"}


class CustomerReader:
    """Reads customers, each time in a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, entity: str, customer_id: str) -> MirrorRow | None:
        """Return one customer, if it is known."""
        async with self._database.read() as tx:
            return await customers.read(tx, entity, customer_id)

    async def page(self, query: CustomerQuery) -> tuple[list[MirrorRow], Position | None]:
        """Return the customers of a page, and where the next one begins, if there is one."""
        async with self._database.read() as tx:
            found = await customers.page(
                tx, query.entity, record_id=query.record_id, after=query.after, limit=query.page_size + 1
            )
        shown = found[: query.page_size]
        last = shown[-1] if len(found) > len(shown) else None
        return shown, (last.created_at, last.object_id) if last is not None and last.created_at else None


class CustomersService(customers_service_pb2_grpc.CustomersServiceServicer):
    """The methods of `counterfoil.v1.CustomersService`; its contract lists their errors."""

    def __init__(self, commands: Commands, reader: CustomerReader, entities: Collection[str]) -> None:
        self._commands = commands
        self._reader = reader
        self._entities = frozenset(entities)

    async def SyncCustomer(  # noqa: N802  (the contract's name)
        self, request: customers_service_pb2.SyncCustomerRequest, context: HasDeadline
    ) -> customers_service_pb2.SyncCustomerResponse:
        """Accept, wait, and return the customer; the command lives on when the caller does not."""
        command, replayed = await self._commands.accept(signed(parse_sync(request)))
        command = await self._commands.wait(command.id, patience(context))
        if command.state.settled and command.state is not CommandState.SUCCEEDED:
            raise _unsuccessful(command)
        row = await self._reader.read(command.entity, command.result_id) if command.result_id else None
        return customers_service_pb2.SyncCustomerResponse(
            customer=_customer(row) if row else None,
            request_state=request_state_of(command.state),
            replayed=replayed,
        )

    async def GetCustomer(  # noqa: N802  (the contract's name)
        self, request: customers_service_pb2.GetCustomerRequest, _context: HasDeadline
    ) -> customers_service_pb2.GetCustomerResponse:
        """Return one customer."""
        entity, customer_id = parse_get_customer(request)
        self._require(entity)
        row = await self._reader.read(entity, customer_id)
        if row is None:
            raise NotFound("There is no customer of this id: check the id and the entity.")
        return customers_service_pb2.GetCustomerResponse(customer=_customer(row))

    async def ListCustomers(  # noqa: N802  (the contract's name)
        self, request: customers_service_pb2.ListCustomersRequest, _context: HasDeadline
    ) -> customers_service_pb2.ListCustomersResponse:
        """Return one page of customers."""
        query = parse_list_customers(request)
        self._require(query.entity)
        shown, position = await self._reader.page(query)
        token = write_token(position, query.digest) if position else ""
        return customers_service_pb2.ListCustomersResponse(
            customers=[_customer(row) for row in shown], next_page_token=token
        )

    def _require(self, entity: str) -> None:
        if entity not in self._entities:
            raise NotFound("No legal entity of this name is configured.", reason="ENTITY_UNKNOWN")


def _unsuccessful(command: Command) -> CounterfoilError:
    """Return the error of a request that came to nothing; repeating it helps once somebody has mended the cause."""
    kind = CounterfoilError if command.reason in {None, CounterfoilError.reason} else Refused
    return kind(
        command.message or "The request was given up.",
        reason=command.reason,
        metadata={"request_id": command.id, "request_state": command.state.name},
    )


def _customer(row: MirrorRow) -> customers_service_pb2.Customer:
    body = row.body or {}
    metadata = body.get("metadata") or {}
    return customers_service_pb2.Customer(
        customer_id=row.object_id,
        entity=row.entity,
        record_id=row.record_id or "",
        **{name: _text(body.get(name)) for name in ("name", "email", "phone", "description")},
        address=_address(body.get("address")),
        metadata={str(key): _text(value) for key, value in metadata.items()},
        default_payment_method_id=_text((body.get("invoice_settings") or {}).get("default_payment_method")),
        livemode=body.get("livemode") is True,
        deleted=row.deleted,
        create_time=_time(row.created_at),
    )


def _address(body: Any) -> customers_service_pb2.PostalAddress | None:
    if not isinstance(body, dict):
        return None
    return customers_service_pb2.PostalAddress(**{ours: _text(body.get(name)) for ours, name in _ADDRESS.items()})


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _time(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
