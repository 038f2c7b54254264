"""Requests: what is taken, and that everything wrong is told at once without repeating it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api._checks import DEFAULT_PAGE, MAX_PAGE
from service.api._validation import parse_create, parse_get, parse_list
from service.errors import InvalidRequest
from service.gen.counterfoil.v1 import payment_pb2 as payment
from service.gen.counterfoil.v1 import payments_service_pb2 as api
from service.projection import PaymentStatus

OPPORTUNITY = "006000000000001AAA"


def asking(**changes: object) -> api.CreatePaymentRequest:
    fields: dict[str, object] = {
        "entity": "acme",
        "record_id": OPPORTUNITY,
        "hosted_checkout": api.HostedCheckout(),
    }
    return api.CreatePaymentRequest(**(fields | changes))  # type: ignore[arg-type]  # the fields of the message


def fields_of(refused: pytest.ExceptionInfo[InvalidRequest]) -> set[str]:
    return {violation.field for violation in refused.value.violations}


def test_defaults() -> None:
    parsed = parse_create(asking())
    assert (parsed.arguments, parsed.version, parsed.request_id) == ({"method": "hosted_checkout"}, "1", None)


def test_a_short_record_id_becomes_the_long_one() -> None:
    assert parse_create(asking(record_id=OPPORTUNITY[:15])).record_id == OPPORTUNITY


def test_off_session_without_a_method_means_the_default() -> None:
    request = api.CreatePaymentRequest(entity="acme", record_id=OPPORTUNITY, off_session=api.OffSession())
    assert parse_create(request).arguments == {"method": "off_session"}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("entity", ""),
        ("entity", "Acme"),
        ("entity", "acme\n"),
        ("entity", "a" * 41),
        ("record_id", ""),
        ("record_id", "001000000000001AAA"),
        ("record_id", "006000000000001AAB"),
        ("record_id", "006-00000000001"),
        ("version", "a b"),
        ("version", "x" * 81),
        ("request_id", "a b"),
        ("request_id", "\u00e9"),
        ("request_id", "x" * 256),
    ],
)
def test_one_violation_names_its_field(field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_create(asking(**{field: value}))
    assert fields_of(refused) == {field}


@pytest.mark.parametrize("value", ["", "4242424242424242", "pm_", "pm_1;drop", "pm_" + "x" * 500])
def test_a_payment_method_is_an_id_and_never_a_card_number(value: str) -> None:
    request = api.CreatePaymentRequest(
        entity="acme", record_id=OPPORTUNITY, off_session=api.OffSession(payment_method_id=value)
    )
    with pytest.raises(InvalidRequest) as refused:
        parse_create(request)
    assert fields_of(refused) == {"off_session.payment_method_id"}
    assert "4242" not in refused.value.message


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_create(api.CreatePaymentRequest(version="\t", request_id="\t"))
    assert fields_of(refused) == {"entity", "record_id", "method", "version", "request_id"}


@given(entity=st.text(), record_id=st.text(), version=st.text(), request_id=st.text(), method_id=st.text())
def test_no_text_is_a_fault_or_comes_back(
    entity: str, record_id: str, version: str, request_id: str, method_id: str
) -> None:
    marked = [f"\u00a7{text}" for text in (entity, record_id, version, request_id, method_id)]
    request = api.CreatePaymentRequest(
        entity=marked[0],
        record_id=marked[1],
        version=marked[2],
        request_id=marked[3],
        off_session=api.OffSession(payment_method_id=marked[4]),
    )
    with pytest.raises(InvalidRequest) as refused:
        parse_create(request)
    assert len(refused.value.violations) == 5
    assert "\u00a7" not in refused.value.message


NUMBERS = st.integers(-(2**31), 2**31 - 1)
LISTINGS = st.builds(
    api.ListPaymentsRequest,
    entity=st.text(),
    record_id=st.text(),
    state=NUMBERS,  # open enumerations carry any number
    customer_id=st.text(),
    page_size=NUMBERS,
    page_token=st.text(),
)


@given(LISTINGS)
def test_no_listing_is_a_fault(request: api.ListPaymentsRequest) -> None:
    for entity in (request.entity, "acme"):
        request.entity = entity
        try:
            query = parse_list(request)
        except InvalidRequest:
            continue
        assert 1 <= query.page_size <= MAX_PAGE


@pytest.mark.parametrize(("asked", "given"), [(0, DEFAULT_PAGE), (1, 1), (MAX_PAGE, MAX_PAGE), (5000, MAX_PAGE)])
def test_page_sizes(asked: int, given: int) -> None:
    assert parse_list(api.ListPaymentsRequest(entity="acme", page_size=asked)).page_size == given


def test_a_listing_tells_everything_wrong_at_once() -> None:
    request = api.ListPaymentsRequest(
        record_id="x", page_size=-1, page_token="x", customer_id="x", state=payment.Payment.STATE_PAID
    )
    request.state = 99  # type: ignore[assignment]  # open enumerations carry any number
    with pytest.raises(InvalidRequest) as refused:
        parse_list(request)
    assert fields_of(refused) == {"entity", "record_id", "customer_id", "state", "page_size", "page_token"}


@pytest.mark.parametrize("status", PaymentStatus)
def test_every_status_can_be_asked_for(status: PaymentStatus) -> None:
    state = payment.Payment.State.Value(f"STATE_{status.name}")
    request = api.ListPaymentsRequest(entity="acme")
    request.state = state  # type: ignore[assignment]  # a number at run time
    assert parse_list(request).status is status


@pytest.mark.parametrize("payment_id", ["cmd_" + "0" * 32, "pi_3abc"])
def test_both_kinds_of_id_are_read(payment_id: str) -> None:
    assert parse_get(api.GetPaymentRequest(entity="acme", payment_id=payment_id)) == ("acme", payment_id)


@pytest.mark.parametrize("payment_id", ["", "cmd_", "cmd_" + "0" * 33, "pi_", "ch_1", "pi_1\n", "pi_" + "x" * 300])
def test_other_ids_are_refused(payment_id: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_get(api.GetPaymentRequest(entity="acme", payment_id=payment_id))
    assert fields_of(refused) == {"payment_id"}
