"""Whatever comes in at any door, the service answers it, lives, and stores nothing that is not well formed.

A whole service with its doors on real sockets: webhooks with broken requests, signatures and bodies, also bodies that
are signed as they should be; every method of the API with bytes; events of Salesforce whose payloads and schemas are
none. `COUNTERFOIL_FUZZ_INPUTS=100000 make test ARGS=tests/simulation/test_fuzz.py` is all of it; every run of the tests
has its first inputs. The seed decides what is sent.
"""

import asyncio
import hashlib
import hmac
import importlib
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import grpc
import psycopg
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import payments_service_pb2, payments_service_pb2_grpc
from service.gen.eventbus.v1 import pubsub_api_pb2, pubsub_api_pb2_grpc
from tests.support import mutations
from tests.support.broken_stream import BrokenStream, broken_stream
from tests.support.mutations import Chance
from tests.support.stage import new_account, new_opportunity, saved_card, staged
from tests.support.waiting import until
from tests.support.wire import Wire, request

INPUTS = int(os.environ.get("COUNTERFOIL_FUZZ_INPUTS", "3000"))
SEED, SENDERS = 11, 8
TOPICS = ("/event/Payment_Request__e", "/event/Payment_Approval__e", "/data/OpportunityChangeEvent")
PROTOS = Path(__file__).parents[2] / "protos/counterfoil/v1"
# Statuses that say: your input was read, and this is what came of it. What stands for a fault of ours is not here.
ANSWERED = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
FAULTS = ("webhook.failed", "rpc.failed", "intake.failed", "loop.fault", "service.part_failed", "command.failed")
VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
pytestmark = pytest.mark.timeout(120 + INPUTS // 20)


@dataclass(frozen=True)
class Stage:
    """A running service with one paid sale, its stream of events, and words that mean something to it."""

    cast: Cast
    stream: BrokenStream
    ids: list[str]
    events: list[dict[str, Any]]

    @property
    def web(self) -> int:
        return int(str(self.cast.service.info["web"]).rpartition(":")[2])

    @property
    def words(self) -> mutations.Words:
        """What fits a field, by its name in the contract and in the events."""

        def of(*beginnings: str) -> list[str]:
            return [one for one in self.ids if one.startswith(beginnings)]

        operations = ["create_payment", "capture_payment", "refund_payment", "cancel_payment", "sync_customer"]
        records, payments = of("001", "006"), of("pi_", "cmd_")
        numbers, tokens = ["", "1", "2"], [""]
        found = {"entity": ["acme"], "Entity__c": ["acme", ""], "Operation__c": operations, "record_id": records}
        found |= {"Record_Id__c": records, "recordIds": records, "payment_id": payments, "customer_id": of("cus_")}
        found |= {"id": self.ids, "page_token": tokens, "resume_token": tokens, "version": numbers, "shelf": ["event"]}
        found |= {
            "Version__c": numbers,
            "Method__c": ["off_session", "hosted_checkout"],
            "payment_method_id": of("pm_"),
        }
        found |= {"Payment_Method_Id__c": of("pm_"), "Payment_Intent_Id__c": of("pi_"), "currency_code": ["USD", "JPY"]}
        found |= {"Currency_Code__c": ["USD", "JPY"], "Request_Id__c": of("cmd_"), "Decision__c": ["approve", "reject"]}
        return found | {"request_id": [*of("cmd_"), ""], "object_types": ["charge", "refund"], "": self.ids}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(str(self.cast.stack.database_url)) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def stage(postgres_url: str) -> Iterator[Stage]:
    with broken_stream() as stream:
        pubsub = {"endpoint": f"127.0.0.1:{stream.port}", "plaintext": True, "topics": list(TOPICS)}
        with staged(
            postgres_url,
            org={"pubsub": pubsub},
            prepare=lambda control: control.post("/salesforce/changes", entities=["Opportunity"]),
            COUNTERFOIL_WATCH_HEARTBEAT_SECONDS="0.1",
            COUNTERFOIL_LEASE_SECONDS="60",
        ) as cast:
            yield Stage(cast, stream, *sale(cast))


def sale(cast: Cast) -> tuple[list[str], list[dict[str, Any]]]:
    """Sell and charge something; return the ids that came of it, and Stripe's events."""
    account = new_account(cast)
    card = saved_card(cast, account, "pm_card_visa")
    record = new_opportunity(cast, "12.00", "USD", account=account)
    with grpc.insecure_channel(str(cast.service.info["grpc"])) as channel:
        asked = payments_service_pb2.CreatePaymentRequest(
            entity="acme", record_id=record, off_session=payments_service_pb2.OffSession(payment_method_id=card)
        )
        payment = payments_service_pb2_grpc.PaymentsServiceStub(channel).CreatePayment(asked, timeout=60).payment
    events = cast.stripe_events()
    objects = {str(event["data"]["object"]["id"]) for event in events}
    return sorted({account, record, card, payment.payment_id, *objects}), events


async def spread(inputs: int, send: Callable[[Chance, Wire], Awaitable[object]], port: int) -> None:
    """Send so many inputs from several senders at once; the chance of each is its own."""

    async def sender(number: int) -> None:
        chance, wire = random.Random(f"{SEED}/{number}"), Wire(port)  # noqa: S311  (repeatable, guards nothing)
        for _ in range(inputs // SENDERS):
            await send(chance, wire)
        wire.close()

    await asyncio.gather(*(sender(number) for number in range(SENDERS)))


async def test_webhooks(stage: Stage) -> None:
    answers: Counter[int | None] = Counter()
    secret, path = stage.cast.stack.webhook_secret.encode(), b"/webhooks/stripe/acme"

    def signature(body: bytes, moment: int) -> bytes:
        digest = hmac.new(secret, b"%d." % moment + body, hashlib.sha256).hexdigest()
        return f"t={moment},v1={digest}".encode()

    def body_of(chance: Chance) -> bytes:
        event = chance.choice(stage.events)
        event = event | {"id": f"evt_{chance.getrandbits(64):x}"}
        if chance.random() < 0.2:
            related = {"id": event["data"]["object"]["id"], "type": event["data"]["object"]["object"], "url": "/v1/x"}
            event = {"id": event["id"], "object": "v2.core.event", "type": "v1.charge.x", "livemode": False,
                     "created": "2026-11-23T10:00:00.000Z", "related_object": related}  # fmt: skip
        if chance.random() < 0.5:
            return mutations.bent(chance, event)
        if chance.random() < 0.2:
            return json.dumps(mutations.value(chance)).encode()
        return mutations.broken(chance, json.dumps(event).encode())

    async def send(chance: Chance, wire: Wire) -> None:
        body, kind = body_of(chance), chance.random()
        good = signature(body, int(time.time()))
        if kind < 0.1:
            whole = request(path, {b"stripe-signature": good, b"x": b"y"}, body)
            status = await wire.throw(mutations.broken(chance, whole))
        elif kind < 0.3:
            spoilt = mutations.broken(chance, good).replace(b"\n", b"").replace(b"\r", b"")
            status = await wire.ask(request(path, {b"stripe-signature": spoilt.replace(b"\0", b"")}, body))
        else:
            status = await wire.ask(request(path, {b"stripe-signature": good}, body))
        answers[status] += 1
        assert status is None or status < 500, body

    await spread(INPUTS * 2 // 5, send, stage.web)
    print("webhooks:", dict(answers))  # noqa: T201  (for whoever runs all of it)
    assert min(answers[200], answers[400]) > INPUTS // 50
    await sound(stage)


def methods() -> list[MethodDescriptor]:
    """Return every method of the contract."""
    modules = [importlib.import_module(f"service.gen.counterfoil.v1.{path.stem}_pb2")
               for path in sorted(PROTOS.glob("*_service.proto"))]  # fmt: skip
    services = [one for module in modules for one in module.DESCRIPTOR.services_by_name.values()]
    return [method for service in services for method in service.methods]


async def test_every_method_of_the_api(stage: Stage) -> None:
    known, answers = methods(), Counter[tuple[str, grpc.StatusCode]]()
    words = stage.words

    async def send(chance: Chance, _wire: Wire) -> None:
        method = chance.choice(known)
        empty = message_factory.GetMessageClass(method.input_type)()
        raw, kind = mutations.message(chance, empty, words).SerializeToString(), chance.random()
        raw = chance.randbytes(chance.randrange(200)) if kind < 0.15 else raw
        raw = mutations.broken(chance, raw) if kind > 0.6 else raw
        said = chance.choice(mutations.TEXTS).encode("ascii", "ignore").decode()
        said = "".join(sign for sign in said if sign.isprintable())[:200]
        headers = ((chance.choice(("traceparent", "authorization", "x-request-id")), said),)
        address = f"/{method.containing_service.full_name}/{method.name}"
        try:
            if method.server_streaming:
                many: Any = channel.unary_stream(address)
                stream = many(raw, timeout=10, metadata=headers)
                await stream.read()
                stream.cancel()
            else:
                one: Any = channel.unary_unary(address)
                await one(raw, timeout=10, metadata=headers)
            status = grpc.StatusCode.OK
        except grpc.aio.AioRpcError as error:
            status = error.code()
            said = str(error.details())
        assert status in ANSWERED, (address, raw, said)
        answers[method.name, status] += 1

    async with grpc.aio.insecure_channel(str(stage.cast.service.info["grpc"])) as channel:
        await spread(INPUTS * 2 // 5, send, stage.web)
    statuses = Counter(status.name for _, status in answers.elements())
    print("methods:", dict(statuses))  # noqa: T201  (for whoever runs all of it)
    assert {name for name, _ in answers} == {method.name for method in known}
    assert min(statuses["OK"], statuses["INVALID_ARGUMENT"]) > INPUTS // 50
    assert min(statuses["NOT_FOUND"], statuses["FAILED_PRECONDITION"]) > 0
    await sound(stage)


def published(chance: Chance, schema_id: str, schema: Any, words: mutations.Words) -> pubsub_api_pb2.ProducerEvent:
    """Return an event of a topic: as the schema wants it, or broken, or of a schema that is broken or unknown."""
    content, target = mutations.record(chance, schema, words), BytesIO()
    fastavro.schemaless_writer(target, fastavro.parse_schema(schema), content)
    payload, kind = target.getvalue(), chance.random()
    payload = chance.randbytes(chance.randrange(300)) if kind < 0.1 else payload
    payload = mutations.broken(chance, payload) if kind > 0.5 else payload
    spoilt = chance.random() < 0.1
    event = pubsub_api_pb2.ProducerEvent(
        id=mutations.text(chance, [f"{chance.getrandbits(64):x}"] * 30),
        schema_id=f"{schema_id}-{chance.randrange(60)}" if spoilt else schema_id,
        payload=payload,
    )
    if chance.random() < 0.3:
        event.headers.add(key="traceparent", value=chance.randbytes(30))
    return event


async def test_events_of_salesforce(stage: Stage) -> None:
    chance = random.Random(SEED)  # noqa: S311  (repeatable, guards nothing)
    last: dict[str, bytes] = {}
    for topic in TOPICS:
        schema_id, schema = schema_of(stage.cast, topic)
        whole = json.dumps(schema)
        stage.stream.schemas[schema_id] = whole
        for number in range(0, 60, 2):
            spoilt = mutations.broken(chance, whole.encode()).decode("utf-8", "replace")
            stage.stream.schemas[f"{schema_id}-{number}"] = spoilt
        events = [published(chance, schema_id, schema, stage.words) for _ in range(INPUTS // 5 // len(TOPICS))]
        last[topic] = stage.stream.publish(topic, events)

    def read() -> bool:
        rows = stage.rows("SELECT topic, position FROM streams")
        return all(dict(rows).get(topic) == bytes(place) for topic, place in last.items())

    await until(read, seconds=60 + INPUTS / 50)
    await sound(stage)
    states = Counter(row for (row,) in stage.rows("SELECT state FROM inbox WHERE source = 'salesforce'"))
    print("events:", dict(states))  # noqa: T201  (for whoever runs all of it)
    assert min(states["quarantined"], states["refused"], states["handled"]) > 0


def schema_of(cast: Cast, topic: str) -> tuple[str, Any]:
    """Return the id and the content of the schema that the org has for a topic."""
    info = cast.stack.info
    who = (
        ("accesstoken", cast.salesforce.token),
        ("instanceurl", info["salesforce"]["instance_url"]),
        ("tenantid", info["salesforce"]["org_id"]),
    )
    roots = grpc.ssl_channel_credentials(Path(info["salesforce"]["ca_file"]).read_bytes())
    with grpc.secure_channel(info["pubsub"]["endpoint"], roots) as channel:
        stub = pubsub_api_pb2_grpc.PubSubStub(channel)
        told = stub.GetTopic(pubsub_api_pb2.TopicRequest(topic_name=topic), metadata=who, timeout=30)
        found = stub.GetSchema(pubsub_api_pb2.SchemaRequest(schema_id=told.schema_id), metadata=who, timeout=30)
    return found.schema_id, json.loads(found.schema_json)


async def sound(stage: Stage) -> None:
    """Assert that the service lives and works, has nothing it cannot get done, and stored only what is well formed."""
    waiting = """SELECT (SELECT count(*) FROM inbox WHERE state = 'recorded') + (SELECT count(*) FROM notes)
                      + (SELECT count(*) FROM mirror WHERE dirty)"""
    await until(lambda: stage.rows(waiting) == [(0,)], seconds=60 + INPUTS / 50)
    assert stage.cast.service.running
    assert await Wire(stage.web).throw(request(b"/readyz", {}, b"", method=b"GET")) is not None
    entries = stage.cast.service.log.read_text(errors="replace").splitlines()
    faults = [line for line in entries if any(f'"{fault}"' in line for fault in FAULTS)]
    assert not faults, faults[0]
    for source, event_id, kind, payload, state in stage.rows(
        "SELECT source, event_id, kind, payload, state FROM inbox"
    ):
        assert VISIBLE.fullmatch(event_id)
        assert VISIBLE.fullmatch(kind)
        assert isinstance(json.loads(payload), dict)
        assert kind != "undecodable" or (source, state) == ("salesforce", "quarantined")
        assert mutations.CARD not in payload
    for object_id, object_type, body in stage.rows("SELECT object_id, object_type, body FROM mirror"):
        assert VISIBLE.fullmatch(object_id)
        assert VISIBLE.fullmatch(object_type)
        assert body is None or isinstance(json.loads(body), dict)
    for sobject, content in stage.rows("SELECT sobject, content FROM outbox"):
        assert sobject.isidentifier()
        assert isinstance(json.loads(content), dict)
    for subject, arguments in stage.rows("SELECT subject, arguments FROM commands"):
        assert VISIBLE.fullmatch(subject)
        assert all(isinstance(one, str) for one in json.loads(arguments).values())
