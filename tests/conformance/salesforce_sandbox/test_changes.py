"""Change events of the org: told by Pub/Sub in Avro with bitmaps, of what a transaction changed, and by whom."""

import io
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fastavro
import grpc
import pytest

from service.gen.eventbus.v1 import pubsub_api_pb2 as pb
from service.gen.eventbus.v1 import pubsub_api_pb2_grpc as rpc
from tests.conformance.salesforce_sandbox.rest import Rest
from tests.support.sandbox import REPOSITORY, RunningSandbox

VENDOR = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data")) / "salesforce" / "avro"
OPPORTUNITY, ORDER, ALL = "/data/OpportunityChangeEvent", "/data/OrderChangeEvent", "/data/ChangeEvents"
TOOLING = "SELECT EventChannel, SelectedEntity FROM PlatformEventChannelMember"


class Reader:
    """Reads a topic from its beginning, each event with its own schema."""

    def __init__(self, stub: rpc.PubSubStub, metadata: tuple[tuple[str, str], ...]) -> None:
        self._stub = stub
        self._metadata = metadata

    async def schema(self, schema_id: str) -> dict[str, Any]:
        found = await self._stub.GetSchema(pb.SchemaRequest(schema_id=schema_id), metadata=self._metadata)
        schema: dict[str, Any] = json.loads(found.schema_json)
        return schema

    async def schema_of(self, topic: str) -> dict[str, Any]:
        info = await self._stub.GetTopic(pb.TopicRequest(topic_name=topic), metadata=self._metadata)
        return await self.schema(info.schema_id)

    async def all(self, topic: str, number: int) -> list[dict[str, Any]]:
        call = self._stub.Subscribe(metadata=self._metadata)
        await call.write(pb.FetchRequest(topic_name=topic, replay_preset=pb.EARLIEST, num_requested=100))
        found: list[dict[str, Any]] = []
        while len(found) < number:
            for one in (await call.read()).events:
                schema = await self.schema(one.event.schema_id)
                payload = fastavro.schemaless_reader(io.BytesIO(one.event.payload), fastavro.parse_schema(schema), None)
                assert isinstance(payload, dict)
                found.append(payload)
        call.cancel()
        return found


@pytest.fixture
def credentials(org: RunningSandbox) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(Path(org.info["salesforce"]["ca_file"]).read_bytes())


@pytest.fixture
async def reader(org: RunningSandbox, rest: Rest, credentials: grpc.ChannelCredentials) -> AsyncIterator[Reader]:
    org.control("POST", "/salesforce/changes", {"entities": ["Opportunity", "Order"]})
    info = org.info["salesforce"]
    metadata = (("accesstoken", rest.token), ("instanceurl", info["url"]), ("tenantid", info["org_id"]))
    async with grpc.aio.secure_channel(org.info["pubsub"]["endpoint"], credentials) as channel:
        yield Reader(rpc.PubSubStub(channel), metadata)


def header(event: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = event["ChangeEventHeader"]
    return found


def bits(schema: dict[str, Any], *names: str) -> str:
    order = [field["name"] for field in schema["fields"]]
    return f"0x{sum(2 ** order.index(name) for name in names):02X}"


def opportunity(rest: Rest, name: str = "A") -> str:
    return rest.add("Opportunity", Name=name, StageName="Prospecting", CloseDate="2026-12-31", NextStep="Call")


async def test_each_kind_of_change_is_told(rest: Rest, reader: Reader) -> None:
    record = opportunity(rest)
    rest.patch(f"/sobjects/Opportunity/{record}", json={"NextStep": None, "Amount": 12.5}, headers=_client("Mine"))
    rest.delete(f"/sobjects/Opportunity/{record}")
    created, updated, deleted = await reader.all(OPPORTUNITY, 3)
    schema = await reader.schema_of(OPPORTUNITY)
    assert [header(one)["changeType"] for one in (created, updated, deleted)] == ["CREATE", "UPDATE", "DELETE"]
    assert {tuple(header(one)["recordIds"]) for one in (created, updated, deleted)} == {(record,)}
    assert (created["Name"], created["IsWon"], header(created)["changedFields"]) == ("A", False, [])
    assert header(created)["changeOrigin"] == "com/salesforce/api/rest/66.0"
    assert header(updated)["changeOrigin"] == "com/salesforce/api/rest/66.0;client=Mine"
    stamps = ["LastModifiedDate"] if updated["LastModifiedDate"] else []
    assert header(updated)["changedFields"] == [bits(schema, "NextStep", "Amount", "ExpectedRevenue", *stamps)]
    assert header(updated)["nulledFields"] == [bits(schema, "NextStep")]
    assert (updated["Amount"], updated["Name"], updated["IsWon"]) == (12.5, None, None)
    assert header(created)["commitNumber"] > 2**53
    assert header(created)["transactionKey"] != header(updated)["transactionKey"]


def _client(name: str) -> dict[str, str]:
    return {"Sforce-Call-Options": f"client={name}"}


async def test_one_transaction_shares_a_key_and_merges_what_is_the_same(rest: Rest, reader: Reader) -> None:
    one, other, third = (opportunity(rest, name) for name in "ABC")
    records = [{"attributes": {"type": "Opportunity"}, "id": record, "NextStep": "Go"} for record in (one, other)]
    records.append({"attributes": {"type": "Opportunity"}, "id": third, "NextStep": "Wait"})
    rest.patch("/composite/sobjects", json={"allOrNone": True, "records": records}).raise_for_status()
    *_, both, alone = await reader.all(OPPORTUNITY, 5)
    assert header(both)["recordIds"] == [one, other]
    assert header(alone)["recordIds"] == [third]
    assert header(both)["transactionKey"] == header(alone)["transactionKey"]
    assert [header(event)["sequenceNumber"] for event in (both, alone)] == [1, 2]


async def test_a_part_of_an_address_has_bits_of_its_own(rest: Rest, reader: Reader) -> None:
    record = rest.one("SELECT Id FROM Order LIMIT 1")["Id"]
    rest.patch(f"/sobjects/Order/{record}", json={"ShippingCity": "Rome", "BillingCountry": "IT"})
    (event,) = await reader.all(ORDER, 1)
    order = [field["name"] for field in (await reader.schema_of(ORDER))["fields"]]
    changed = set(header(event)["changedFields"])
    assert {f"{order.index('ShippingAddress')}-0x02", f"{order.index('BillingAddress')}-0x10"} <= changed
    assert (event["ShippingAddress"]["City"], event["ShippingAddress"]["Street"]) == ("Rome", None)


async def test_gaps_overflows_and_the_channel_of_all(org: RunningSandbox, rest: Rest, reader: Reader) -> None:
    for fault in ("gap", "overflow"):
        org.control("POST", "/salesforce/changes/faults", {"fault": fault, "sobject": "Opportunity"})
    record = opportunity(rest)
    rest.patch(f"/sobjects/Opportunity/{record}", json={"NextStep": "Go"})
    gap, overflow = await reader.all(ALL, 2)
    assert (header(gap)["changeType"], header(gap)["recordIds"], gap["Name"]) == ("GAP_CREATE", [record], None)
    assert (header(overflow)["changeType"], header(overflow)["recordIds"]) == ("GAP_OVERFLOW", ["000000000000000AAA"])


async def test_the_header_is_salesforces(reader: Reader) -> None:
    sample = VENDOR / "OpportunityChangeEvent.SEMI-SYNTHETIC.avsc"
    if not sample.exists():
        pytest.skip("the vendor's published data is not here")
    theirs = json.loads(sample.read_text())["fields"]
    ours = (await reader.schema_of(OPPORTUNITY))["fields"]
    assert [field["name"] for field in ours[0]["type"]["fields"]] == [
        field["name"] for field in theirs[0]["type"]["fields"]
    ]
    known = {field["name"]: field for field in theirs}
    assert {field["name"]: field["type"] for field in ours if field["name"] in known} == {
        field["name"]: known[field["name"]]["type"] for field in ours[1:] if field["name"] in known
    } | {"ChangeEventHeader": ours[0]["type"]}


def test_selected_entities_are_told_by_the_tooling_api(org: RunningSandbox, rest: Rest) -> None:
    assert rest.get("/tooling/query", params={"q": TOOLING}).json()["records"] == []
    org.control("POST", "/salesforce/changes", {"entities": ["Order"]})
    rows = rest.get("/tooling/query", params={"q": TOOLING}).json()["records"]
    assert [(row["EventChannel"], row["SelectedEntity"]) for row in rows] == [("ChangeEvents", "OrderChangeEvent")]
    assert rest.get("/tooling/query", params={"q": "SELECT Id FROM ApexClass"}).status_code == 501
