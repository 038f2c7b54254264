from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from deploy.demo.cast import Cast
from deploy.demo.outside import TOPIC_OBJECT, Row
from service.gen.counterfoil.v1 import payment_pb2, requests_service_pb2, requests_service_pb2_grpc
from tests.support.operations import ask, refunds_of, sold, told
from tests.support.stage import drain, link_of, new_opportunity, opportunity, staged, taken_in, until_status

REP, CLERK = "005000000000041AAA", "005000000000042AAA"
TERMS = {
    "approval_hours": 48,
    "limits": [
        {"currency": "USD", "operations": ["refund_payment"], "approval_above": "50", "amount": 500},
        {"currency": "USD", "operations": ["create_payment"], "approval_above": "10000"},
    ],
}
TOPICS = ("/event/Payment_Request__e", "/event/Payment_Approval__e")


@pytest.fixture(scope="module")
def cast(postgres_url: str) -> Iterator[Cast]:
    with staged(postgres_url, terms=TERMS, topics=TOPICS) as it:
        yield it


@contextmanager
def ledger(cast: Cast) -> Iterator[requests_service_pb2_grpc.RequestsServiceStub]:
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        yield requests_service_pb2_grpc.RequestsServiceStub(channel)


def refund_requests(cast: Cast, record: str) -> list[Row]:
    where = f"Record_Id__c = '{record}' AND Operation__c = 'refund_payment' ORDER BY Name"
    return cast.salesforce.query(f"SELECT FIELDS(ALL) FROM Payment_Request__c WHERE {where} LIMIT 200")  # noqa: S608  (a test's own id)


def publish(cast: Cast, event: str, user: str, **fields: Any) -> str:
    """Publish an event as another user of the org."""
    answer = cast.control.post("/salesforce/events", event=event, user=user, fields=fields)
    return str(answer["errors"][0]["message"])


def decide(cast: Cast, request: str, user: str, decision: str, **more: Any) -> None:
    taken_in(cast, publish(cast, "Payment_Approval__e", user, Request_Id__c=request, Decision__c=decision, **more))
    drain(cast)


def waiting(cast: Cast, amount: float = 60) -> tuple[str, str, str]:
    """Return record, payment and id of a refund that waits for approval."""
    sale = sold(cast, "100.00")
    wish = {"Operation__c": "refund_payment", "Record_Id__c": sale.record, "Amount__c": amount}
    taken_in(cast, publish(cast, TOPIC_OBJECT, REP, **wish))
    drain(cast)
    [request] = refund_requests(cast, sale.record)
    assert (request["Status__c"], request["Approval__c"]) == ("Waiting_For_Approval", "Waiting")
    assert refunds_of(cast, sale.intent) == []
    return sale.record, sale.intent, request["Request_Id__c"]


def test_it_waits_visibly_and_goes_on_when_somebody_else_approves_in_salesforce(cast: Cast) -> None:
    record, intent, request_id = waiting(cast)
    [request] = refund_requests(cast, record)
    assert (request["Requested_By__c"], request["Reason_Code__c"]) == (REP, "APPROVAL_REQUIRED")
    assert "60.00 USD is above 50 USD" in request["Error__c"]
    assert request["Approval_Due_At__c"] > request["Asked_At__c"]
    assert told(cast, record) == request["Error__c"], "the Opportunity says what its request waits for"

    decide(cast, request_id, REP, "approve")
    [request] = refund_requests(cast, record)
    assert request["Status__c"] == "Waiting_For_Approval"
    assert "whoever asked may not decide" in request["Error__c"]
    assert refunds_of(cast, intent) == []

    decide(cast, request_id, CLERK, "approve", Note__c="customer is right")
    until_status(cast, record, "Partially_Refunded")
    drain(cast)
    [request] = refund_requests(cast, record)
    assert (request["Status__c"], request["Approval__c"], request["Error__c"]) == ("Succeeded", "Approved", None)
    assert (request["Decided_By__c"], request["Decision_Note__c"]) == (CLERK, "customer is right")
    assert [one["amount"] for one in refunds_of(cast, intent)] == [6000]
    assert told(cast, record) is None

    decide(cast, request_id, CLERK, "approve")
    decide(cast, request_id, "005000000000043AAA", "reject")
    assert [one["amount"] for one in refunds_of(cast, intent)] == [6000]


def test_it_ends_when_somebody_else_rejects_it(cast: Cast) -> None:
    record, intent, request_id = waiting(cast)
    decide(cast, request_id, CLERK, "reject", Note__c="ask the lawyer first")
    [request] = refund_requests(cast, record)
    assert (request["Status__c"], request["Approval__c"]) == ("Rejected", "Rejected")
    assert "ask the lawyer first" in str(told(cast, record))
    taken_in(cast, ask(cast, "refund_payment", record, Amount__c=60))
    drain(cast)
    assert refunds_of(cast, intent) == []
    assert opportunity(cast, record)["Payment_Status__c"] == "Paid"


def test_more_than_the_limit_is_refused_whoever_agrees(cast: Cast) -> None:
    sale = sold(cast, "900.00")
    ask(cast, "refund_payment", sale.record, Amount__c=500.01)
    cast.wait("the refusal", lambda: opportunity(cast, sale.record)["Payment_Error__c"])
    assert "500.01 USD was asked for, and one request may be for 500 USD" in str(told(cast, sale.record))
    [request] = refund_requests(cast, sale.record)
    assert (request["Status__c"], request["Reason_Code__c"]) == ("Refused", "LIMIT_EXCEEDED")


def test_over_grpc_it_is_listed_and_approved_once(cast: Cast) -> None:
    record, intent, request_id = waiting(cast)
    about = {"entity": cast.stack.entity, "request_id": request_id}
    with ledger(cast) as door:
        listing = requests_service_pb2.ListRequestsRequest(
            entity=cast.stack.entity, record_id=record, state=payment_pb2.REQUEST_STATE_PENDING_APPROVAL
        )
        [listed] = door.ListRequests(listing, timeout=10).requests
        assert (listed.request_id, listed.amount.amount_minor) == (request_id, 6000)
        approve = requests_service_pb2.ApproveRequestRequest(**about, decided_by="finance")
        first, again = (door.ApproveRequest(approve, timeout=10) for _ in range(2))
        assert (first.replayed, again.replayed, again.request.decided_by) == (False, True, "finance")
        with pytest.raises(grpc.RpcError) as refused:
            door.RejectRequest(requests_service_pb2.RejectRequestRequest(**about, decided_by="finance"), timeout=10)
        trailers = {entry.key: entry.value for entry in refused.value.trailing_metadata()}
        status, info = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]), error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        assert info.reason == "APPROVAL_NOT_PENDING"
        until_status(cast, record, "Partially_Refunded")
        drain(cast)
        read = door.GetRequest(requests_service_pb2.GetRequestRequest(**about), timeout=10).request
        assert (read.state, read.approval) == (
            payment_pb2.REQUEST_STATE_SUCCEEDED,
            requests_service_pb2.APPROVAL_APPROVED,
        )
    assert [one["amount"] for one in refunds_of(cast, intent)] == [6000]


def test_a_payment_page_above_the_limit_is_made_after_the_approval(cast: Cast) -> None:
    record = new_opportunity(cast, "12000.00", "USD")
    taken_in(cast, cast.salesforce.request_payment(record, "hosted_checkout", Requested_By__c=REP))
    drain(cast)
    asked = opportunity(cast, record)
    assert (asked["Payment_Status__c"], asked["Payment_Link_Url__c"]) == ("Requested", None)
    assert "12000.00 USD is above 10000 USD" in asked["Payment_Error__c"]
    decide(cast, asked["Payment_Request_Id__c"], CLERK, "approve")
    assert link_of(cast, record)
    assert told(cast, record) is None


def test_killed_while_it_waits_and_while_it_is_approved_it_is_done_once(cast: Cast) -> None:
    record, intent, request_id = waiting(cast)
    cast.service.kill()
    event = publish(cast, "Payment_Approval__e", CLERK, Request_Id__c=request_id, Decision__c="approve")
    held = {"method": "POST", "path": "/v1/refunds", "fault": "hang", "after_effect": True, "times": 1}
    cast.control.post("/stripe/faults", **held)
    cast.service = cast.stack.start_service()
    taken_in(cast, event)
    cast.wait("the call", lambda: refunds_of(cast, intent))
    cast.service.kill()
    cast.control.clear("/stripe/faults")
    cast.service = cast.stack.start_service()
    until_status(cast, record, "Partially_Refunded")
    drain(cast)
    [request] = refund_requests(cast, record)
    assert (request["Status__c"], request["Approval__c"], request["Decided_By__c"]) == ("Succeeded", "Approved", CLERK)
    assert [one["amount"] for one in refunds_of(cast, intent)] == [6000]
