"""Errors as statuses: every class of the tree, and nothing of an error nobody expected."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from service import errors
from service.api._answers import error_answer
from service.api._faults import INTERNAL_MESSAGE, own_stack
from service.api._status import DeadlineTooShort, code_of, to_status
from service.domain import to_minor
from service.errors import CounterfoilError, InvalidRequest, Overloaded, Refused, VendorUnavailable, Violation

Detail = TypeVar("Detail", bound=Message)


def detail_of(status: status_pb2.Status, kind: type[Detail]) -> Detail | None:
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None


def info_of(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    info = detail_of(status, error_details_pb2.ErrorInfo)
    assert info is not None
    return info


def every_class(root: type[CounterfoilError] = CounterfoilError) -> Iterator[type[CounterfoilError]]:
    yield root
    for child in root.__subclasses__():
        yield from every_class(child)


@pytest.mark.parametrize("kind", list(every_class()))
def test_every_class_has_a_status_grpc_knows(kind: type[CounterfoilError]) -> None:
    error = kind.__new__(kind)
    CounterfoilError.__init__(error, "The text.", metadata={"key": "value"})
    if isinstance(error, InvalidRequest):
        error.violations = ()
    status = to_status(error)
    assert code_of(status) is grpc.StatusCode[kind.status]
    assert (info_of(status).reason, info_of(status).domain) == (kind.reason, "counterfoil")
    assert dict(info_of(status).metadata) == {"key": "value"}
    assert (detail_of(status, error_details_pb2.RetryInfo) is not None) == kind.retryable
    assert error_answer(error).status in range(400, 504)


def test_a_reason_given_to_an_error_is_the_one_told() -> None:
    assert info_of(to_status(Refused("No.", reason="RECORD_NOT_PAYABLE"))).reason == "RECORD_NOT_PAYABLE"
    assert info_of(to_status(DeadlineTooShort("Too late."))).reason == "DEADLINE_TOO_SHORT"


def test_the_wait_before_another_try_is_told() -> None:
    wait = timedelta(milliseconds=1500)
    error = VendorUnavailable("Busy.", vendor="stripe", code="lock_timeout", retry_after=wait)
    retry = detail_of(to_status(error), error_details_pb2.RetryInfo)
    assert retry is not None
    assert retry.retry_delay.ToTimedelta() == wait
    assert dict(info_of(to_status(error)).metadata) == {"vendor": "stripe", "vendor_code": "lock_timeout"}
    assert (b"retry-after", b"2") in error_answer(error).headers
    assert (b"retry-after", b"1") in error_answer(Overloaded("Full.")).headers


def test_violations_stand_beside_each_other() -> None:
    status = to_status(InvalidRequest([Violation("a", "is wrong"), Violation("b", "is missing")]))
    bad = detail_of(status, error_details_pb2.BadRequest)
    assert bad is not None
    assert [(one.field, one.description) for one in bad.field_violations] == [("a", "is wrong"), ("b", "is missing")]


@pytest.mark.parametrize("error", [RuntimeError("secret"), KeyError("secret"), AssertionError("secret"), OSError(1)])
def test_an_unexpected_error_is_a_fixed_sentence(error: Exception) -> None:
    status = to_status(error)
    assert (code_of(status), status.message) == (grpc.StatusCode.INTERNAL, INTERNAL_MESSAGE)
    assert info_of(status).reason == "INTERNAL"
    assert b"secret" not in status.SerializeToString()


def test_the_largest_status_fits_into_trailers() -> None:
    many = InvalidRequest([Violation("field" * 5, "x" * 10_000)] * 500)
    assert len(to_status(many).SerializeToString()) < 8 * 1024
    long = Refused("x" * 100_000, metadata={"key": "x" * 100_000})
    assert len(to_status(long).SerializeToString()) < 8 * 1024


def test_our_part_of_a_stack_names_places_and_no_values() -> None:
    with pytest.raises(AttributeError) as raised:
        to_minor("not a Decimal", "USD")  # type: ignore[arg-type]  # the fault that is wanted
    frames = own_stack(raised.value)
    assert frames
    assert all(frame.startswith("service/domain/_money.py:") for frame in frames)


def test_the_tree_is_the_one_drawn() -> None:
    drawn = errors.__doc__ or ""
    for kind in every_class():
        if kind.__module__ == errors.__name__:
            assert kind.__name__ in drawn
