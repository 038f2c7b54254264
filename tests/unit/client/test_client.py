"""What the Python client does by itself: tries again with the same message, keeps deadlines, says what went wrong."""

import inspect
from datetime import timedelta
from itertools import count

import grpc
import pytest
from counterfoil_client import (
    TLS,
    Client,
    Conflict,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    LimitReached,
    NotFound,
    PermissionDenied,
    Reason,
    Refused,
    Unauthenticated,
    Unavailable,
    Violation,
    types,
)
from counterfoil_client._calls import pause_after
from counterfoil_client._pb import services
from google.rpc import error_details_pb2

from service.gen.counterfoil.v1 import error_reason_pb2
from tests.unit.client.scripted import Script, aborts, error_info, retry_info, scripted

BUSY = aborts(grpc.StatusCode.UNAVAILABLE, error_info("OVERLOADED"), retry_info(0.02))
PAID = types.CreatePaymentResponse(payment=types.Payment(payment_id="cmd_1"))
BEGUN = types.WatchPaymentsResponse(resume_token="t0")


def change(token: str, payment: str) -> types.WatchPaymentsResponse:
    return types.WatchPaymentsResponse(resume_token=token, payment=types.Payment(payment_id=payment))


def created(client: Client, request_id: str | None = None) -> types.CreatePaymentResponse:
    return client.payments.create_payment(
        entity="acme", record_id="006", hosted_checkout=types.HostedCheckout(), request_id=request_id
    )


def asked(script: Script) -> list[types.CreatePaymentRequest]:
    return [types.CreatePaymentRequest.FromString(each.request) for each in script.asked]


def test_a_change_is_tried_again_with_the_very_same_request_id() -> None:
    with scripted(BUSY, BUSY, PAID, PAID) as (client, script):
        assert created(client).payment.payment_id == "cmd_1"
        first, second, third = asked(script)
        assert first == second == third
        assert len(first.request_id) == 36
        created(client)
        assert asked(script)[-1].request_id != first.request_id


def test_a_request_id_of_the_callers_is_kept() -> None:
    with scripted(BUSY, PAID) as (client, script):
        created(client, request_id="mine")
    assert [request.request_id for request in asked(script)] == ["mine", "mine"]


def test_it_never_waits_beyond_the_deadline_and_tells_the_last_error() -> None:
    patient = aborts(grpc.StatusCode.UNAVAILABLE, error_info("OVERLOADED"), retry_info(0.9e3))
    with scripted(patient, timeout=20) as (client, script), pytest.raises(Unavailable) as raised:
        created(client, request_id="mine")
    assert (raised.value.reason, raised.value.request_id) == (Reason.OVERLOADED, "mine")
    assert raised.value.retry_delay == timedelta(seconds=900)
    [only] = script.asked
    assert only.seconds is not None
    assert only.seconds <= 21


def test_every_call_has_a_deadline_unless_it_streams() -> None:
    page = types.ListPaymentsResponse()
    with scripted(PAID, page, [types.WatchRunResponse()], [BEGUN]) as (client, script):
        created(client)
        assert list(client.payments.list_payments(entity="acme")) == []
        assert len(list(client.operations.watch_run(entity="acme", run_id="run_1"))) == 1
        client.payments.watch_payments(entity="acme").close()
    given = [each.seconds for each in script.asked]
    assert all(seconds is not None and 10 < seconds <= 31 for seconds in given[:2])
    assert all(seconds is None or seconds > 1e6 for seconds in given[2:])


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, Conflict),
        (grpc.StatusCode.FAILED_PRECONDITION, Refused),
        (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated),
        (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, LimitReached),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, InternalError),
        (grpc.StatusCode.UNIMPLEMENTED, InternalError),
    ],
)
def test_an_error_has_its_class_and_carries_everything(code: grpc.StatusCode, kind: type[Exception]) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(field="record_id", description="is no id")
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    ends = aborts(code, error_info("OF_A_LATER_VERSION", payment_id="cmd_1"), bad, message="no")
    with scripted(ends) as (client, script), pytest.raises(kind) as raised:
        created(client)
    error = raised.value
    assert isinstance(error, Refused | type(error))
    assert vars(error) == {
        "code": code,
        "message": "no",
        "reason": "OF_A_LATER_VERSION",
        "metadata": {"payment_id": "cmd_1"},
        "violations": (Violation("record_id", "is no id"),),
        "retry_delay": None,
        "request_id": asked(script)[0].request_id,
    }
    assert str(error) == "OF_A_LATER_VERSION: no"


def test_an_error_of_something_between_has_its_class_and_no_reason() -> None:
    def proxy(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "by the mesh")

    with (
        scripted(proxy) as (client, _),
        pytest.raises(PermissionDenied, match="PERMISSION_DENIED: by the mesh") as raised,
    ):
        created(client)
    assert raised.value.reason == ""


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with Client("127.0.0.1:1", timeout=1.5) as client, pytest.raises(Unavailable) as raised:
        created(client)
    assert raised.value.reason == ""


def test_pages_are_read_as_they_are_needed() -> None:
    first = types.ListPaymentsResponse(payments=[types.Payment(payment_id="a")], next_page_token="p2")
    second = types.ListPaymentsResponse(next_page_token="p3")  # a page may be empty and have a next one
    third = types.ListPaymentsResponse(payments=[types.Payment(payment_id="b")])
    with scripted(first, second, BUSY, third) as (client, script):
        listed = client.payments.list_payments(entity="acme", state="STATE_PAID", page_size=1)
        assert script.asked == []
        assert next(listed).payment_id == "a"
        assert len(script.asked) == 1
        assert [payment.payment_id for payment in listed] == ["b"]
        requests = [types.ListPaymentsRequest.FromString(each.request) for each in script.asked]
    assert [request.page_token for request in requests] == ["", "p2", "p3", "p3"]
    assert {request.state for request in requests} == {types.Payment.STATE_PAID}


def test_a_watch_goes_on_from_its_newest_token_whatever_ended_it() -> None:
    slow = aborts(grpc.StatusCode.RESOURCE_EXHAUSTED, error_info("WATCHER_TOO_SLOW"), retry_info(0.01))
    unknown = aborts(grpc.StatusCode.FAILED_PRECONDITION, error_info("RESUME_TOKEN_UNKNOWN"))
    answers = ([BEGUN, change("t1", "a"), BUSY], [BUSY], [BEGUN], [change("t2", "b"), slow], [unknown])
    with scripted(*answers) as (client, script):
        watch = client.payments.watch_payments(entity="acme")
        assert len(script.asked) == 1  # it has begun when it is returned
        assert [next(watch).payment.payment_id for _ in range(2)] == ["a", "b"]
        assert watch.resume_token == "t2"
        with pytest.raises(Refused) as raised:
            next(watch)
        assert raised.value.reason == Reason.RESUME_TOKEN_UNKNOWN
        tokens = [types.WatchPaymentsRequest.FromString(each.request).resume_token for each in script.asked]
    assert tokens == ["", "t1", "t1", "t0", "t2"]


def test_a_watch_tells_heartbeats_if_asked_and_ends_when_closed() -> None:
    with scripted([BEGUN, change("t1", "a"), change("t2", "b")]) as (client, _):
        with client.payments.watch_payments(entity="acme", heartbeats=True) as watch:
            assert not next(watch).HasField("payment")
            assert next(watch).payment.payment_id == "a"
            watch.close()
            assert list(watch) == []
        assert watch.resume_token == "t1"


def test_a_token_is_asked_for_before_every_try() -> None:
    numbers = count()
    with scripted(BUSY, PAID, token=lambda: f"token-{next(numbers)}") as (client, script):
        created(client)
    assert [each.metadata["authorization"] for each in script.asked] == ["Bearer token-0", "Bearer token-1"]


def test_a_token_never_travels_in_plaintext() -> None:
    with pytest.raises(ValueError, match="token"):
        Client("counterfoil.example:443", token="secret", plaintext=True)
    with pytest.raises(ValueError, match="contradict"):
        Client("counterfoil.example:443", tls=TLS(), plaintext=True)


def test_pauses_double_are_bounded_and_never_shorter_than_asked() -> None:
    error = Unavailable(grpc.StatusCode.UNAVAILABLE, "")
    for attempt, longest in ((0, 0.1), (1, 0.2), (4, 1.6), (6, 5.0), (10_000, 5.0)):
        assert longest / 2 <= (pause_after(error, attempt) or 0) <= longest
    error.retry_delay = timedelta(seconds=7)
    assert pause_after(error, 0) == 7
    assert pause_after(Refused(grpc.StatusCode.FAILED_PRECONDITION, ""), 0) is None


def test_every_change_carries_a_request_id_and_no_read_does() -> None:
    kinds = [kind for name, kind in vars(services).items() if name.endswith("Service")]
    assert len(kinds) >= 7
    changes = {
        name
        for kind in kinds
        for name, method in vars(kind).items()
        if not name.startswith("_") and "request_id=self._calls.request_id(" in inspect.getsource(method)
    }
    assert {"create_payment", "refund_payment", "sync_customer", "credit_invoice", "start_sweep"} <= changes
    # These name a former request; the first decision counts, so they need no id of their own.
    assert not {"approve_request", "reject_request", "get_request"} & changes


def test_the_reasons_are_those_of_the_contract() -> None:
    declared = {name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()}  # noqa: SIM118  (no mapping)
    assert {reason.value for reason in Reason} == declared - {"UNSPECIFIED"}
