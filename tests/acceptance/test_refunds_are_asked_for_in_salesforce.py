import uuid
from decimal import Decimal

import grpc
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT
from service.gen.counterfoil.v1 import payment_pb2, payments_service_pb2
from tests.support.operations import ask, calls_to, refunds_of, sold, told, typed_door
from tests.support.postgres import drop_database, fresh_database
from tests.support.refunds import rows
from tests.support.stage import drain, opportunity, staged, taken_in, until_status

REFUNDS = "/v1/refunds"


def refusal(cast: Cast, record: str) -> str:
    cast.wait("the refusal", lambda: opportunity(cast, record)["Payment_Error__c"])
    return told(cast, record) or ""


def test_refund_a_part_by_reason(cast: Cast) -> None:
    sale = sold(cast, "100.00")
    ask(cast, "refund_payment", sale.record, Amount__c=25.5, Reason__c="duplicate")
    until_status(cast, sale.record, "Partially_Refunded")
    assert told(cast, sale.record) is None
    assert opportunity(cast, sale.record)["Amount_Paid__c"] == Decimal("74.50")
    [refund] = refunds_of(cast, sale.intent)
    assert (refund["amount"], refund["reason"]) == (2550, "duplicate")
    [shown] = rows(cast, "Refund__c", sale.intent)
    assert (shown["Amount__c"], shown["Reason__c"]) == (Decimal("25.50"), "duplicate")

    ask(cast, "refund_payment", sale.record, Version__c="2")
    until_status(cast, sale.record, "Refunded")
    drain(cast)
    assert sorted(one["amount"] for one in refunds_of(cast, sale.intent)) == [2550, 7450]


def test_refund_more_than_is_left_is_refused_with_both_figures(cast: Cast) -> None:
    sale = sold(cast, "100.00")
    ask(cast, "refund_payment", sale.record, Amount__c=60)
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    ask(cast, "refund_payment", sale.record, Amount__c=40.01, Version__c="2")
    error = refusal(cast, sale.record)
    assert "40.01 USD" in error
    assert "40.00 USD" in error
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [6000]
    assert opportunity(cast, sale.record)["Payment_Status__c"] == "Partially_Refunded"


def test_refunded_already_is_an_outcome_on_the_record(cast: Cast) -> None:
    sale = sold(cast, "15.00")
    cast.stripe.v1.refunds.create({"payment_intent": sale.intent})
    until_status(cast, sale.record, "Refunded")
    ask(cast, "refund_payment", sale.record)
    assert "given back already" in refusal(cast, sale.record)


def test_the_same_event_five_times_is_one_refund(cast: Cast) -> None:
    sale = sold(cast, "90.00")
    for _ in range(5):
        taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=30))
    until_status(cast, sale.record, "Partially_Refunded")
    assert told(cast, sale.record) is None
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [3000]


def test_by_record_and_by_payment_one_version_is_one_refund(cast: Cast) -> None:
    sale = sold(cast, "90.00")
    taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=30))
    taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=30, Payment_Intent_Id__c=sale.intent))
    until_status(cast, sale.record, "Partially_Refunded")
    assert told(cast, sale.record) is None
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [3000]
    taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=31, Payment_Intent_Id__c=sale.intent))
    assert "for 30 and now for 31" in refusal(cast, sale.record)
    assert len(refunds_of(cast, sale.intent)) == 1


def test_a_payment_is_refunded_by_its_own_id_without_a_record(cast: Cast) -> None:
    """What the button on a payment sends: the payment, its entity, and a version which the open form made once."""
    sale, version = sold(cast, "90.00"), str(uuid.uuid4())
    wish = {"Payment_Intent_Id__c": sale.intent, "Entity__c": cast.stack.entity, "Version__c": version}
    for _ in range(2):  # pressed twice
        event = {"Operation__c": "refund_payment", "Amount__c": 30, "Currency_Code__c": "USD", **wish}
        taken_in(cast, str(cast.salesforce.create(TOPIC_OBJECT, **event)["errors"][0]["message"]))
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [3000]
    where = f"Operation__c = 'refund_payment' AND Version__c = '{version}'"
    [answer] = cast.salesforce.query(f"SELECT Status__c, Error__c FROM Payment_Request__c WHERE {where}")  # noqa: S608  (a test's own id)
    assert (answer["Status__c"], answer["Error__c"]) == ("Succeeded", None)


def test_a_changed_amount_under_the_same_version_is_a_conflict_with_both_figures(cast: Cast) -> None:
    sale = sold(cast, "90.00")
    ask(cast, "refund_payment", sale.record, Amount__c=30)
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    ask(cast, "refund_payment", sale.record, Amount__c=35.5)
    assert "for 30 and now for 35.5" in refusal(cast, sale.record)
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [3000]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"Amount__c": -1}, "above zero"),
        ({"Reason__c": "because"}, "give one of duplicate"),
        ({"Payment_Intent_Id__c": "ch_1"}, "begins with pi_"),
        ({"Method__c": "off_session"}, "leave it out"),
        ({"Amount__c": 1, "Currency_Code__c": "EUR"}, "in EUR and the payment in USD"),
        ({"Amount__c": 1.005}, "exactly"),
    ],
)
def test_what_makes_no_sense_is_told_on_the_record(cast: Cast, fields: dict[str, object], words: str) -> None:
    sale = sold(cast, "12.00")
    ask(cast, "refund_payment", sale.record, **fields)
    assert words in refusal(cast, sale.record)
    assert not refunds_of(cast, sale.intent)
    assert opportunity(cast, sale.record)["Payment_Status__c"] == "Paid"


def test_a_payment_of_another_record_is_not_refunded(cast: Cast) -> None:
    sale, other = sold(cast, "12.00"), sold(cast, "13.00")
    ask(cast, "refund_payment", sale.record, Payment_Intent_Id__c=other.intent)
    assert "not a payment of this record" in refusal(cast, sale.record)
    assert not refunds_of(cast, other.intent)
    assert opportunity(cast, other.record)["Payment_Error__c"] is None


def test_an_answer_that_is_lost_makes_one_refund(cast: Cast) -> None:
    sale = sold(cast, "44.00")
    cast.control.post("/stripe/faults", method="POST", path=REFUNDS, fault="disconnect", after_effect=True, times=1)
    before = len(calls_to(cast, REFUNDS))
    ask(cast, "refund_payment", sale.record)
    until_status(cast, sale.record, "Refunded")
    assert told(cast, sale.record) is None
    tries = calls_to(cast, REFUNDS)[before:]
    assert [row["replayed"] for row in tries] == [False, True]
    assert len(refunds_of(cast, sale.intent)) == 1


def test_stripes_own_fault_after_the_effect_finds_the_refund(cast: Cast) -> None:
    sale = sold(cast, "44.00")
    cast.control.post("/stripe/faults", method="POST", path=REFUNDS, fault="status", status=500, after_effect=True)
    ask(cast, "refund_payment", sale.record, Amount__c=4)
    until_status(cast, sale.record, "Partially_Refunded")
    assert told(cast, sale.record) is None
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [400]


def test_without_its_rows_a_repeated_event_finds_the_refund(postgres_url: str) -> None:
    with staged(postgres_url) as cast:
        sale = sold(cast, "45.00")
        event = ask(cast, "refund_payment", sale.record)
        until_status(cast, sale.record, "Refunded")
        drain(cast)
        assert cast.service.stop() == 0
        lost = fresh_database(postgres_url)
        try:
            cast.stack.database_url = lost
            cast.service = cast.stack.start_service()
            taken_in(cast, event)
            assert told(cast, sale.record) is None
            assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [4500]
            assert opportunity(cast, sale.record)["Payment_Status__c"] == "Refunded"
            assert cast.service.stop() == 0
        finally:
            drop_database(postgres_url, lost)


def test_killed_in_mid_call_makes_one_refund(postgres_url: str) -> None:
    with staged(postgres_url) as cast:
        sale = sold(cast, "45.00")
        held = {"fault": "hang", "after_effect": True, "times": 1}
        cast.control.post("/stripe/faults", method="POST", path=REFUNDS, **held)
        ask(cast, "refund_payment", sale.record, Amount__c=20)
        cast.wait("the call", lambda: refunds_of(cast, sale.intent))
        cast.service.kill()
        cast.control.clear("/stripe/faults")
        cast.service = cast.stack.start_service()
        until_status(cast, sale.record, "Partially_Refunded")
        assert told(cast, sale.record) is None
        assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [2000]
        tries = calls_to(cast, REFUNDS)
        assert len(tries) > 1, "the call was not repeated, so nothing was proven"
        assert len({row["idempotency_key"] for row in tries}) == 1


def test_over_grpc_a_part_of_a_payment_is_refunded_and_told_on_the_record(cast: Cast) -> None:
    sale = sold(cast, "5000", "JPY")
    asked = opportunity(cast, sale.record)["Payment_Request_Id__c"]
    request = payments_service_pb2.RefundPaymentRequest(
        entity=cast.stack.entity,
        payment_id=asked,
        amount=payment_pb2.MinorAmount(amount_minor=1200, currency_code="JPY"),
        reason=payments_service_pb2.REASON_REQUESTED_BY_CUSTOMER,
        request_id="refund-1",
    )
    with typed_door(cast) as door:
        first, again = door.RefundPayment(request, timeout=20), door.RefundPayment(request, timeout=20)
    [refund] = refunds_of(cast, sale.intent)
    assert (refund["amount"], refund["reason"]) == (1200, "requested_by_customer")
    assert (first.refund_id, first.replayed) == (refund["id"], False)
    assert (again.refund_id, again.replayed) == (refund["id"], True)
    until_status(cast, sale.record, "Partially_Refunded")
    drain(cast)
    assert opportunity(cast, sale.record)["Amount_Paid__c"] == 3800
    request.version, request.request_id, request.amount.amount_minor = "2", "refund-2", 3801
    with typed_door(cast) as door, pytest.raises(grpc.RpcError) as refused:
        door.RefundPayment(request, timeout=20)
    assert refused.value.details() == "3801 JPY was asked for, and 3800 JPY can be refunded: ask for less"
    assert told(cast, sale.record) == refused.value.details(), "the record shows what the caller was told"
