import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastavro
import grpc
import pytest

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.salesforce_sandbox.rest import Rest, refused, sample, shape
from tests.support.sandbox import RunningSandbox

TOPIC = "/event/Payment_Request__e"
EVENT = {"Operation__c": "create_payment", "Record_Id__c": "006000000000001AAA"}


class Listener:
    """Reads the topic's new events with the token REST gave: one sign-in serves both doors."""

    def __init__(self, stub: rpc.PubSubStub, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = stub
        self._metadata = metadata
        self._stream = stub.Subscribe(metadata=metadata)

    async def start(self) -> None:
        await self._stream.write(pb.FetchRequest(topic_name=TOPIC, replay_preset=pb.LATEST, num_requested=100))
        await self._stub.GetTopic(pb.TopicRequest(topic_name=TOPIC), metadata=self._metadata)

    async def next(self) -> tuple[str, dict[str, Any]]:
        while True:
            for received in (await self._stream.read()).events:
                request = pb.SchemaRequest(schema_id=received.event.schema_id)
                schema = json.loads((await self._stub.GetSchema(request, metadata=self._metadata)).schema_json)
                payload = fastavro.schemaless_reader(io.BytesIO(received.event.payload), schema, None)
                assert isinstance(payload, dict)
                return received.event.id, payload

    def stop(self) -> None:
        self._stream.cancel()


@pytest.fixture
def authority(org: RunningSandbox) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(Path(org.info["salesforce"]["ca_file"]).read_bytes())


@pytest.fixture
async def listener(org: RunningSandbox, rest: Rest, authority: grpc.ChannelCredentials) -> AsyncIterator[Listener]:
    info = org.info["salesforce"]
    metadata = (("accesstoken", rest.token), ("instanceurl", info["url"]), ("tenantid", info["org_id"]))
    async with grpc.aio.secure_channel(org.info["pubsub"]["endpoint"], authority) as channel:
        listening = Listener(rpc.PubSubStub(channel), metadata)
        await listening.start()
        yield listening
        listening.stop()


async def test_published_through_rest(rest: Rest, listener: Listener) -> None:
    answer = rest.post("/sobjects/Payment_Request__e", json=EVENT | {"Version__c": "7"})
    expected = sample("publish_via_rest")
    assert answer.status_code == expected["status"]
    assert shape(answer.json()) == shape(expected["body"])
    assert answer.json()["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"
    uuid, payload = await listener.next()
    assert uuid == answer.json()["errors"][0]["message"]
    assert (payload["Version__c"], payload["Record_Id__c"], payload["Entity__c"]) == ("7", EVENT["Record_Id__c"], None)
    assert payload["CreatedById"].startswith("005")
    assert payload["CreatedDate"] > 1_700_000_000_000


async def test_published_in_a_collection(rest: Rest, listener: Listener) -> None:
    record = {"attributes": {"type": "Payment_Request__e"}, **EVENT}
    (result,) = rest.post("/composite/sobjects", json={"records": [record]}).json()
    assert (result["success"], result["errors"][0]["statusCode"]) == (True, "OPERATION_ENQUEUED")
    assert (await listener.next())[0] == result["errors"][0]["message"]


def test_refused_events(rest: Rest) -> None:
    refused(rest.post("/sobjects/Payment_Request__e", json={"Record_Id__c": "x"}), 400, "REQUIRED_FIELD_MISSING")
    refused(rest.post("/sobjects/Payment_Request__e", json=EVENT | {"No__c": 1}), 400, "INVALID_FIELD")


async def test_the_flow_asks_when_an_opportunity_is_won(rest: Rest, listener: Listener) -> None:
    deals = rest.rows("SELECT Id FROM Opportunity WHERE IsWon = false ORDER BY Id LIMIT 3")
    lost, won, later = (row["Id"] for row in deals)
    records = [{"attributes": {"type": "Opportunity"}, "Id": won, "StageName": "Closed Won"}]
    failing = {"attributes": {"type": "Opportunity"}, "Id": later, "StageName": None}
    rest.patch("/composite/sobjects", json={"allOrNone": True, "records": [*records, failing]}).raise_for_status()
    rest.patch(f"/sobjects/Opportunity/{lost}", json={"StageName": "Closed Lost"}).raise_for_status()
    rest.patch("/composite/sobjects", json={"records": records}).raise_for_status()
    rest.patch(f"/sobjects/Opportunity/{won}", json={"NextStep": "still won"}).raise_for_status()
    rest.patch(f"/sobjects/Opportunity/{later}", json={"StageName": "Closed Won"}).raise_for_status()
    first, second = (await listener.next())[1], (await listener.next())[1]
    assert [first["Record_Id__c"], second["Record_Id__c"]] == [won, later]
    assert (first["Operation__c"], first["Method__c"], first["Version__c"]) == (
        "create_payment",
        "hosted_checkout",
        "1",
    )
    assert first["Requested_By__c"] == first["CreatedById"]


async def test_an_expired_token_closes_the_other_door_too(org: RunningSandbox, rest: Rest, listener: Listener) -> None:
    org.control("POST", "/salesforce/faults", {"fault": "expired_token"})
    refused(rest.get("/limits"), 401, "INVALID_SESSION_ID")
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await listener.start()
    trailing = dict(failure.value.trailing_metadata() or ())
    assert str(trailing["error-code"]).endswith("service.auth.error")
