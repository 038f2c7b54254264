"""Every listing of the API, page by page over the real rooms: no row twice or lost, a token only where it belongs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from service import links, migrations, outbox
from service.bootstrap import open_store
from service.clock import SystemClock
from service.config import Settings
from service.db import Transaction
from service.domain import Evidence
from service.gen.counterfoil.v1 import (
    customers_service_pb2,
    customers_service_pb2_grpc,
    invoices_service_pb2,
    invoices_service_pb2_grpc,
    operations_service_pb2,
    operations_service_pb2_grpc,
    payments_service_pb2,
    payments_service_pb2_grpc,
    reconciliation_service_pb2,
    reconciliation_service_pb2_grpc,
    requests_service_pb2,
    requests_service_pb2_grpc,
)
from service.intake import observe, sight
from service.links import Kept, Question
from tests.integration.api.payments_door import OPPORTUNITY, detail_of, info_of, status_of
from tests.integration.api.stored import StoredDoors, open_stored_doors
from tests.support.delivery import payment

Add = Callable[[StoredDoors, Sequence[int]], Awaitable[None]]
CLOCK = SystemClock()
ACME = "acme"
MADE = 1_790_000_000


@dataclass(frozen=True)
class Listing:
    """A method that lists, the stub it is of, where its rows and their names are, and how some get there."""

    method: str
    stub: Any
    request: Any
    rows: str
    name: str
    add: Add

    async def page(self, doors: StoredDoors, **fields: Any) -> Any:
        ask = getattr(self.stub(doors.channel), self.method)
        return await ask(self.request(**{"entity": ACME, **fields}), timeout=20)

    def names(self, page: Any) -> list[str]:
        return [getattr(row, self.name) for row in getattr(page, self.rows)]


def shown(kind: str, prefix: str, **fields: Any) -> Add:
    """Objects that Stripe has shown; two of them made in each second, so that the id must decide as well."""

    async def add(doors: StoredDoors, numbers: Sequence[int]) -> None:
        now = CLOCK.now()
        bodies = [
            {"id": f"{prefix}_{number:03}", "object": kind, "created": MADE + number // 2, "livemode": False, **fields}
            for number in numbers
        ]
        async with doors.database.transaction() as tx:
            for body in bodies:
                await observe(tx, sight(ACME, body, as_of=now, evidence=Evidence.ANSWER, now=now), now=now)

    return add


async def asked(doors: StoredDoors, numbers: Sequence[int]) -> None:
    """Requests that nobody works on: each answers when its time is up."""
    ask = payments_service_pb2.CreatePaymentRequest(
        entity=ACME, record_id=OPPORTUNITY, unconfirmed=payments_service_pb2.Unconfirmed()
    )
    for number in numbers:
        ask.version = f"page-{number}"
        await doors.stub.CreatePayment(ask, timeout=0.3)


async def swept(doors: StoredDoors, numbers: Sequence[int]) -> None:
    """Runs, each ended so that the next may start."""
    stub = operations_service_pb2_grpc.OperationsServiceStub(doors.channel)
    for _ in numbers:
        run = (await stub.StartSweep(operations_service_pb2.StartSweepRequest(entity=ACME))).run
        await stub.CancelRun(operations_service_pb2.CancelRunRequest(entity=ACME, run_id=run.run_id))


async def failed(doors: StoredDoors, numbers: Sequence[int]) -> None:
    """Records that Salesforce did not take."""
    async with doors.database.transaction() as tx:
        await _die(tx, [f"pi_failed_{number:03}" for number in numbers])


async def _die(tx: Transaction, keys: Sequence[str]) -> None:
    now, lease = CLOCK.now(), timedelta(minutes=1)
    await outbox.put(tx, [payment(key) for key in keys], now=now)
    for one in await outbox.claim(tx, org="main", holder="a", now=now, lease=lease, limit=100):
        reason, code = "SALESFORCE_REJECTED", "STRING_TOO_LONG"
        await outbox.settle_dead(
            tx, one, holder="a", now=now, release_at=now + timedelta(days=1), reason=reason, code=code, detail=code
        )


async def unmatched(doors: StoredDoors, numbers: Sequence[int]) -> None:
    """Objects that belong to no record."""
    question = Question("Account", "Stripe_Customer_Id__c", "cus_1")
    async with doors.database.transaction() as tx:
        kept = [Kept(ACME, f"pi_open_{number:03}", "Unmatched", frozenset({question})) for number in numbers]
        await links.keep(tx, kept, now=CLOCK.now())


_PAYMENTS = payments_service_pb2_grpc.PaymentsServiceStub
_OPERATIONS = operations_service_pb2_grpc.OperationsServiceStub
_RECONCILIATION = reconciliation_service_pb2_grpc.ReconciliationServiceStub
_INTENT = {"amount": 1050, "amount_received": 1050, "currency": "usd", "status": "succeeded", "metadata": {}}
_PAYOUT = {"amount": 100, "currency": "usd", "status": "paid", "automatic": True, "type": "bank_account"}
LISTINGS = [
    Listing(
        "ListPayments",
        _PAYMENTS,
        payments_service_pb2.ListPaymentsRequest,
        "payments",
        "payment_id",
        shown("payment_intent", "pi_page", **_INTENT),
    ),
    Listing(
        "ListCustomers",
        customers_service_pb2_grpc.CustomersServiceStub,
        customers_service_pb2.ListCustomersRequest,
        "customers",
        "customer_id",
        shown("customer", "cus_page", metadata={}),
    ),
    Listing(
        "ListInvoices",
        invoices_service_pb2_grpc.InvoicesServiceStub,
        invoices_service_pb2.ListInvoicesRequest,
        "invoices",
        "invoice_id",
        shown("invoice", "in_page", status="open", currency="usd", total=100, metadata={}, lines={"data": []}),
    ),
    Listing(
        "ListRequests",
        requests_service_pb2_grpc.RequestsServiceStub,
        requests_service_pb2.ListRequestsRequest,
        "requests",
        "request_id",
        asked,
    ),
    Listing(
        "ListPayouts",
        _RECONCILIATION,
        reconciliation_service_pb2.ListPayoutsRequest,
        "payouts",
        "payout_id",
        shown("payout", "po_page", **_PAYOUT),
    ),
    Listing(
        "ListExceptions",
        _RECONCILIATION,
        reconciliation_service_pb2.ListExceptionsRequest,
        "items",
        "object_id",
        unmatched,
    ),
    Listing(
        "ListFailures",
        _OPERATIONS,
        operations_service_pb2.ListFailuresRequest,
        "failures",
        "name",
        failed,
    ),
    Listing("ListRuns", _OPERATIONS, operations_service_pb2.ListRunsRequest, "runs", "run_id", swept),
]
every = pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.method)
SOME, MORE = range(100, 107), range(107, 109)


@asynccontextmanager
async def _doors(folder: Path) -> AsyncIterator[StoredDoors]:
    with open_store(Settings(data_dir=folder)) as store:
        migrations.upgrade(store.url)
        async with open_stored_doors(store.url) as doors:
            yield doors


@pytest.fixture(scope="module")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StoredDoors]:
    async with _doors(tmp_path_factory.mktemp("listings")) as doors:
        for listing in LISTINGS:
            await listing.add(doors, SOME)
        yield doors


async def refusal(call: Awaitable[Any]) -> set[str]:
    """Have a call refused; return the fields it names."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    assert (raised.value.code(), info_of(raised.value).reason) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "INVALID_REQUEST",
    )
    bad = detail_of(status_of(raised.value), error_details_pb2.BadRequest)
    assert bad is not None
    return {violation.field for violation in bad.field_violations}


@every
async def test_page_by_page_no_row_is_lost_or_twice_while_others_come(doors: StoredDoors, listing: Listing) -> None:
    before = set(listing.names(await listing.page(doors, page_size=1000)))
    assert len(before) >= len(SOME)
    page = await listing.page(doors, page_size=2)
    seen = listing.names(page)
    await listing.add(doors, MORE)
    while page.next_page_token:
        page = await listing.page(doors, page_size=2, page_token=page.next_page_token)
        assert len(listing.names(page)) <= 2
        seen += listing.names(page)
    assert len(seen) == len(set(seen)), "a row came twice"
    assert before <= set(seen), "a row was lost"
    after = set(listing.names(await listing.page(doors)))
    assert len(after) == len(before) + len(MORE)
    assert set(seen) <= after


@every
async def test_the_size_of_a_page_has_bounds(doors: StoredDoors, listing: Listing) -> None:
    assert await refusal(listing.page(doors, page_size=-1)) == {"page_size"}
    largest = await listing.page(doors, page_size=2**31 - 1)
    assert largest.next_page_token == ""
    assert len(listing.names(largest)) >= len(SOME)


@every
async def test_a_token_belongs_to_its_method_and_filters(doors: StoredDoors, listing: Listing) -> None:
    token = (await listing.page(doors, page_size=1)).next_page_token
    assert await refusal(listing.page(doors, page_token=token, entity="other")) == {"page_token"}
    refused = await asyncio.gather(
        *(refusal(other.page(doors, page_token=token)) for other in LISTINGS if other is not listing)
    )
    assert refused == [{"page_token"}] * (len(LISTINGS) - 1)
    assert await refusal(listing.page(doors, page_token=token[:-3])) == {"page_token"}
