"""Requests of the customers API, checked in full: every violation at once, each with its field and its remedy."""

import re
from dataclasses import dataclass

from service.api._checks import Check
from service.api._pages import Position, filter_digest, read_token
from service.commands import OWNERS, Request, checked
from service.gen.counterfoil.v1 import customers_service_pb2

_CUSTOMER = re.compile(r"cus_[A-Za-z0-9_]{1,250}")


@dataclass(frozen=True, slots=True)
class CustomerQuery:
    """A checked listing. `digest` is of its filters, for the token of the next page."""

    entity: str
    record_id: str | None
    page_size: int
    after: Position | None
    digest: bytes


def parse_sync(request: customers_service_pb2.SyncCustomerRequest) -> Request:
    """Return the checked request.

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    asked = Request(
        entity=check.entity(request.entity),
        operation="sync_customer",
        record_id=request.record_id,
        version=request.version,
        request_id=request.request_id or None,
        source="grpc",
    )
    parsed = check.gather(lambda: checked(asked)) or asked
    check.done()
    return parsed


def parse_get_customer(request: customers_service_pb2.GetCustomerRequest) -> tuple[str, str]:
    """Return (entity, customer id).

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    customer_id = check.matches("customer_id", request.customer_id, _CUSTOMER, "give a customer's id (cus_...)")
    check.done()
    return entity, customer_id


def parse_list_customers(request: customers_service_pb2.ListCustomersRequest) -> CustomerQuery:
    """Return the checked listing.

    Raises:
        InvalidRequest: with every violation.
    """
    check = Check()
    entity = check.entity(request.entity)
    record_id = check.record_id(request.record_id, OWNERS) if request.record_id else None
    size = check.page_size(request.page_size)
    digest = filter_digest("customers", entity, record_id or "")
    after = check.gather(lambda: read_token(request.page_token, digest)) if request.page_token else None
    check.done()
    return CustomerQuery(entity, record_id, size, after, digest)
