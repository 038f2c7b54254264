import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from deploy.demo.cast import Cast
from tests.support.stage import (
    drain,
    link_of,
    new_opportunity,
    next_second,
    opportunity,
    taken_in,
    until_status,
    won_and_paid,
)


def pages_of(cast: Cast, record: str) -> list[str]:
    listed = cast.stripe.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter()
    return [session.id for session in listed if session.client_reference_id == record]


def test_the_same_request_again_is_the_same_payment(cast: Cast) -> None:
    record = new_opportunity(cast, "410.00", "USD")
    won_and_paid(cast, record)
    before, writes = cast.state(record), len(cast.control.writes())
    next_second()
    taken_in(cast, cast.salesforce.request_payment(record, "hosted_checkout"))
    payment, replayed = cast.payments.create_hosted(record)
    drain(cast)
    assert replayed
    assert payment.payment_id == before["Opportunity"][0]["Payment_Request_Id__c"]
    assert len(pages_of(cast, record)) == 1
    assert len(cast.control.writes()) == writes
    assert cast.state(record) == before


def test_a_changed_amount_under_the_same_version_is_a_conflict_told_on_the_record(cast: Cast) -> None:
    record = new_opportunity(cast, "410.00", "USD")
    cast.salesforce.win(record)
    link = link_of(cast, record)
    drain(cast)
    cast.salesforce.change("Opportunity", record, Amount=475.5)
    taken_in(cast, cast.salesforce.request_payment(record, "hosted_checkout"))
    cast.wait("the conflict", lambda: opportunity(cast, record)["Payment_Error__c"])
    drain(cast)
    after = opportunity(cast, record)
    assert "41000 USD" in after["Payment_Error__c"]
    assert "47550 USD" in after["Payment_Error__c"]
    assert after["Payment_Link_Url__c"] == link, "the page that was made stays valid"
    assert len(pages_of(cast, record)) == 1


def test_over_grpc_the_conflict_is_an_error_with_its_reason(cast: Cast) -> None:
    record = new_opportunity(cast, "55.00", "USD")
    cast.payments.create_hosted(record)
    drain(cast)
    cast.salesforce.change("Opportunity", record, Amount=56)
    with pytest.raises(grpc.RpcError) as refused:
        cast.payments.create_hosted(record)
    trailers = {entry.key: entry.value for entry in refused.value.trailing_metadata()}
    status, info = status_pb2.Status.FromString(trailers["grpc-status-details-bin"]), error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason) == (grpc.StatusCode.ALREADY_EXISTS.value[0], "COMMAND_CONFLICT")


def test_the_new_amount_is_paid_under_a_new_version(cast: Cast) -> None:
    record = new_opportunity(cast, "55.00", "USD")
    cast.payments.create_hosted(record)
    cast.salesforce.change("Opportunity", record, Amount=56)
    second, replayed = cast.payments.create_hosted(record, version="2")
    assert (second.amount.amount_minor, replayed) == (5600, False)
    until_status(cast, record, "Requested")
    drain(cast)
    after = opportunity(cast, record)
    assert after["Payment_Request_Id__c"] == second.payment_id
    assert after["Payment_Link_Url__c"] == second.checkout_url
