import subprocess
import sys

import grpc
import pytest

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import requests_service_pb2, requests_service_pb2_grpc
from tests.support.operations import ask, refunds_of, sold, told
from tests.support.stage import drain, link_of, new_opportunity, opportunity, taken_in, until_status


def posts(cast: Cast) -> int:
    return sum(row["method"] == "POST" for row in cast.control.get("/stripe/requests")["requests"])


def test_asked_in_salesforce_the_record_tells_the_calls(cast: Cast) -> None:
    sale = sold(cast, "100.00")
    before, shown = posts(cast), opportunity(cast, sale.record)
    taken_in(cast, ask(cast, "refund_payment", sale.record, Amount__c=25, Dry_Run__c=True))
    drain(cast)
    assert posts(cast) == before
    query = f"SELECT FIELDS(ALL) FROM Payment_Request__c WHERE Record_Id__c = '{sale.record}' LIMIT 200"  # noqa: S608  (a test's own id)
    [tried] = [row for row in cast.salesforce.query(query) if row["Dry_Run__c"]]
    assert (tried["Status__c"], tried["Amount__c"], tried["Version__c"]) == ("Previewed", 25, "1")
    assert "POST /v1/refunds" in tried["Planned_Calls__c"]
    assert '"amount": 2500' in tried["Planned_Calls__c"]
    assert opportunity(cast, sale.record) == shown, "nothing was asked for it"

    ask(cast, "refund_payment", sale.record, Amount__c=25)
    until_status(cast, sale.record, "Partially_Refunded")
    assert told(cast, sale.record) is None
    assert [one["amount"] for one in refunds_of(cast, sale.intent)] == [2500]
    assert refunds_of(cast, sale.intent)[0]["metadata"]["counterfoil_key"] in tried["Planned_Calls__c"]


def test_over_grpc_and_by_the_command_the_calls_are_those_that_are_made(cast: Cast) -> None:
    record = new_opportunity(cast, "77.00", "USD")
    before = posts(cast)
    request = requests_service_pb2.PreviewRequestRequest(
        entity=cast.stack.entity, operation="create_payment", record_id=record, arguments={"method": "hosted_checkout"}
    )
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        door = requests_service_pb2_grpc.RequestsServiceStub(channel)
        seen = door.PreviewRequest(request, timeout=20)
        request.arguments["method"] = "telepathy"
        with pytest.raises(grpc.RpcError) as refused:
            door.PreviewRequest(request, timeout=20)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [call.path for call in seen.calls] == ["/v1/customers", "/v1/checkout/sessions"]
    assert (seen.complete, seen.amount.amount_minor, seen.amount.currency_code) == (True, 7700, "USD")
    assert "Fenwick" not in str(seen), "the customer's name is left out"
    config = cast.stack.folder / "counterfoil.yaml"
    environment = cast.stack.service_environment(config=config, ready=cast.stack.folder / "unused.json")
    command = [sys.executable, "-m", "service", "preview", "create_payment", "--entity", cast.stack.entity]
    command += ["--record", record, "--argument", "method=hosted_checkout", "--config", str(config)]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert all(call.idempotency_key in shown.stdout for call in seen.calls)
    assert posts(cast) == before
    cast.salesforce.win(record)
    assert link_of(cast, record)
    keys = [
        row["idempotency_key"] for row in cast.control.get("/stripe/requests")["requests"] if row["method"] == "POST"
    ]
    assert keys[-2:] == [call.idempotency_key for call in seen.calls]
