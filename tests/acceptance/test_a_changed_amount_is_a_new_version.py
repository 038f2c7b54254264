"""With `on_change: new_version` a rep corrects an amount, and the customer can pay that amount and no other."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from deploy.demo.cast import Cast
from deploy.demo.outside import Control, Row
from deploy.demo.stack import PACKAGE
from deploy.demo.story import pay
from service.gen.counterfoil.v1 import requests_service_pb2, requests_service_pb2_grpc
from tests.support.stage import drain, link_of, new_opportunity, opportunity, staged, taken_in, until_status

GONE = httpx.codes.GONE
RULE: dict[str, Any] = {
    "name": "page-for-won",
    "when": "won",
    "not_before": datetime.now(UTC).date().isoformat(),
    "ask": {"operation": "create_payment", "arguments": {"method": "hosted_checkout"}},
}
TERMS: dict[str, Any] = {
    "on_change": "new_version",
    "limits": [{"currency": "USD", "operations": ["create_payment"], "approval_above": "1000"}],
}


@pytest.fixture(scope="module")
def cast(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    package = Path(shutil.copytree(PACKAGE, tmp_path_factory.mktemp("package") / "force-app"))
    shutil.rmtree(package / "main/default/flows")  # nobody but the rule asks when something is won

    def capture(control: Control) -> None:
        control.post("/salesforce/changes", entities=["Opportunity"])

    with staged(postgres_url, org={"changes": [RULE]}, terms=TERMS, package=package, prepare=capture) as it:
        yield it


def requests_of(cast: Cast, record: str) -> list[Row]:
    query = f"SELECT FIELDS(ALL) FROM Payment_Request__c WHERE Record_Id__c = '{record}' LIMIT 200"  # noqa: S608  (a test's own id)
    return sorted(cast.salesforce.query(query), key=lambda row: str(row["Version__c"]))


def other_link(cast: Cast, record: str, before: str) -> str:
    def look() -> str | None:
        shown = opportunity(cast, record)["Payment_Link_Url__c"]
        return str(shown) if shown not in {None, before} else None

    return str(cast.wait("another link", look))


def closed(link: str) -> bool:
    return httpx.get(link, trust_env=False).status_code == GONE


def test_a_won_opportunity_is_corrected_until_it_is_paid(cast: Cast) -> None:
    record = new_opportunity(cast, "410.00", "USD")
    cast.salesforce.win(record)
    first = link_of(cast, record)
    cast.salesforce.change("Opportunity", record, Amount=475.5)
    second = other_link(cast, record, first)
    drain(cast)
    assert (closed(first), "475.50 USD" in httpx.get(second, trust_env=False).text) == (True, True)
    assert opportunity(cast, record)["Payment_Error__c"] is None
    assert [row["Version__c"] for row in requests_of(cast, record)] == ["1", "1~2"]
    pay(second)
    until_status(cast, record, "Paid")
    drain(cast)
    assert str(opportunity(cast, record)["Amount_Paid__c"]) == "475.5"

    cast.salesforce.change("Opportunity", record, Amount=500)
    cast.wait("the refusal", lambda: "475.50 USD was paid" in (opportunity(cast, record)["Payment_Error__c"] or ""))
    drain(cast)
    assert len(requests_of(cast, record)) == 2
    assert opportunity(cast, record)["Payment_Status__c"] == "Paid"


def test_what_is_changed_to_and_fro_while_nobody_listens_ends_at_the_last_amount(cast: Cast) -> None:
    record = new_opportunity(cast, "50.00", "USD")
    cast.salesforce.request_payment(record, "payment_link")
    first = link_of(cast, record)
    drain(cast)
    assert cast.service.stop() == 0
    events = []
    for amount in (60, 55, 60, 50, 61):
        cast.salesforce.change("Opportunity", record, Amount=amount)
        events += [cast.salesforce.request_payment(record, "payment_link") for _ in range(2)]
    cast.service = cast.stack.start_service()
    for event in events:
        taken_in(cast, event)
    last = other_link(cast, record, first)
    drain(cast)
    assert link_of(cast, record) == last
    links = [
        one.active
        for one in cast.stripe.v1.payment_links.list({"limit": 100}).data
        if one.metadata.to_dict().get("salesforce_record_id") == record
    ]
    assert links == [True, False], "ten events, one change"
    pay(last)
    until_status(cast, record, "Paid")
    drain(cast)
    assert opportunity(cast, record)["Amount_Paid__c"] == 61


def test_above_the_limit_the_older_stays_until_a_second_person_agrees(cast: Cast) -> None:
    record = new_opportunity(cast, "900.00", "USD")
    cast.salesforce.win(record)
    first = link_of(cast, record)
    for amount, version in ((1100, "1~2"), (1200, "1~3")):
        cast.salesforce.change("Opportunity", record, Amount=amount)

        def waits(version: str = version) -> Row | None:
            newest = requests_of(cast, record)[-1]
            return newest if (newest["Version__c"], newest["Approval__c"]) == (version, "Waiting") else None

        pending = cast.wait("a request that waits", waits)
        drain(cast)
    assert not closed(first)
    states = [(row["Status__c"], row["Reason_Code__c"]) for row in requests_of(cast, record)]
    assert states[1:] == [("Refused", "REQUEST_REPLACED"), ("Waiting_For_Approval", "APPROVAL_REQUIRED")]
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        door = requests_service_pb2_grpc.RequestsServiceStub(channel)
        wish = requests_service_pb2.ApproveRequestRequest(
            entity=cast.stack.entity, request_id=pending["Request_Id__c"], decided_by="controller"
        )
        door.ApproveRequest(wish, timeout=20)
    second = other_link(cast, record, first)
    drain(cast)
    assert closed(first)
    assert "1,200.00 USD" in httpx.get(second, trust_env=False).text
