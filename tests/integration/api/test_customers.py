"""CustomersService on a real socket before the real commands, projection and PostgreSQL; no worker runs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from service.access import Gate
from service.api import CustomerReader, CustomersService, GrpcServer, Readiness
from service.clock import SystemClock
from service.commands import Commands, Steps
from service.config import Settings
from service.db import Database, Wakes
from service.domain import Evidence, Observation, canonical
from service.gen.counterfoil.v1 import customers_service_pb2 as api
from service.gen.counterfoil.v1 import customers_service_pb2_grpc
from service.mirror import observe
from tests.integration.api.payments_door import info_of
from tests.integration.api.stored import installation

ACCOUNT, CONTACT = "001000000000001AAA", "003000000000001AAA"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Door:
    stub: customers_service_pb2_grpc.CustomersServiceStub
    database: Database

    async def seen(self, number: int, *, record_id: str | None = None, **body: Any) -> str:
        """Have a customer in the mirror, made `number` seconds after the first."""
        customer = f"cus_{number:03}"
        known = {"id": customer, "object": "customer", "metadata": {}, **body}
        sight = Observation(
            entity="acme",
            object_type="customer",
            object_id=customer,
            body=canonical(known),
            as_of=NOW,
            evidence=Evidence.FETCH,
            record_id=record_id,
            created_at=NOW + timedelta(seconds=number),
            deleted=bool(body.get("deleted")),
        )
        async with self.database.transaction() as tx:
            await observe(tx, [sight], now=NOW)
        return customer


@pytest.fixture
async def door(database: Database, database_url: str) -> AsyncIterator[Door]:
    known = installation()
    steps = Steps(
        database=database, wakes=Wakes(database_url), clock=SystemClock(), installation=known, stripe={}, terms={}
    )
    service = CustomersService(Commands(steps, attempts_limit=3), CustomerReader(database), known.entities)
    server = GrpcServer([service], Readiness(()), Settings(grpc_port=0), Gate(None, SystemClock()))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{await server.start()}") as channel:
        yield Door(customers_service_pb2_grpc.CustomersServiceStub(channel), database)
    await server.stop(timedelta(seconds=1))


async def _refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), info_of(error.value).reason


async def test_one_customer_is_read_whole(door: Door) -> None:
    customer = await door.seen(
        1,
        record_id=ACCOUNT,
        name="Fenwick",
        email="f@example.com",
        address={"line1": "1 Quay", "line2": None, "city": "Leeds", "country": "GB", "state": None, "postal_code": "L"},
        metadata={"team": "north"},
        invoice_settings={"default_payment_method": "pm_1"},
        livemode=True,
    )
    found = (await door.stub.GetCustomer(api.GetCustomerRequest(entity="acme", customer_id=customer))).customer
    assert (found.customer_id, found.record_id, found.name, found.email) == (
        customer,
        ACCOUNT,
        "Fenwick",
        "f@example.com",
    )
    assert (found.address.line1, found.address.country_code, found.address.line2) == ("1 Quay", "GB", "")
    assert (dict(found.metadata), found.default_payment_method_id, found.livemode) == ({"team": "north"}, "pm_1", True)
    assert found.create_time.ToDatetime(UTC) == NOW + timedelta(seconds=1)


async def test_page_after_page_each_customer_comes_once(door: Door) -> None:
    made = [await door.seen(number, record_id=ACCOUNT if number % 2 else None) for number in range(7)]
    for record_id, wanted in (("", made[::-1]), (ACCOUNT, made[1::2][::-1])):
        found: list[str] = []
        request = api.ListCustomersRequest(entity="acme", record_id=record_id, page_size=2)
        while True:
            page = await door.stub.ListCustomers(request)
            assert len(page.customers) <= 2
            found += [one.customer_id for one in page.customers]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                break
        assert found == wanted
    first = await door.stub.ListCustomers(api.ListCustomersRequest(entity="acme", page_size=2))
    other = api.ListCustomersRequest(entity="acme", record_id=ACCOUNT, page_token=first.next_page_token)
    assert await _refused(door.stub.ListCustomers(other)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")


async def test_a_deleted_one_is_shown_as_such(door: Door) -> None:
    customer = await door.seen(1, record_id=ACCOUNT, deleted=True)
    found = (await door.stub.GetCustomer(api.GetCustomerRequest(entity="acme", customer_id=customer))).customer
    assert (found.deleted, found.record_id, found.name) == (True, ACCOUNT, "")


async def test_what_makes_no_sense_is_refused(door: Door) -> None:
    wrong, unknown = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    sync, get, listing = door.stub.SyncCustomer, door.stub.GetCustomer, door.stub.ListCustomers
    assert await _refused(sync(api.SyncCustomerRequest(entity="acme", record_id="006000000000001AAA"))) == (
        wrong,
        "INVALID_REQUEST",
    )
    assert await _refused(sync(api.SyncCustomerRequest(entity="nobody", record_id=CONTACT))) == (
        unknown,
        "ENTITY_UNKNOWN",
    )
    assert (await _refused(get(api.GetCustomerRequest(entity="acme", customer_id="pi_1"))))[0] is wrong
    assert await _refused(get(api.GetCustomerRequest(entity="acme", customer_id="cus_9"))) == (unknown, "NOT_FOUND")
    assert await _refused(listing(api.ListCustomersRequest(entity="nobody"))) == (unknown, "ENTITY_UNKNOWN")
    assert (await _refused(listing(api.ListCustomersRequest(entity="acme", page_size=-1))))[0] is wrong


async def test_an_unfinished_request_is_accepted_and_replayed(door: Door) -> None:
    request = api.SyncCustomerRequest(entity="acme", record_id=CONTACT, request_id="r-1")
    first = await door.stub.SyncCustomer(request, timeout=2)
    again = await door.stub.SyncCustomer(request, timeout=2)
    assert (first.replayed, again.replayed) == (False, True)
    assert not first.HasField("customer")
    request.record_id = ACCOUNT
    assert await _refused(door.stub.SyncCustomer(request, timeout=2)) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "COMMAND_CONFLICT",
    )
