"""A second subscriber of the org's payment requests, beside the service's own: what it hears was really published.

It reads Salesforce's Pub/Sub API with its published contract, and keeps what it heard in memory.
"""

import io
import json
import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
import grpc

from service.gen.eventbus.v1 import pubsub_api_pb2, pubsub_api_pb2_grpc

TOPIC = "/event/Payment_Request__e"
_MOST = 100


@dataclass(frozen=True)
class Heard:
    """One event; `at_ms` is when Salesforce made it, since 1970."""

    event_id: str
    replay_id: str
    at_ms: int
    fields: dict[str, Any]


class Listener:
    """Hears up to a hundred events, from the oldest the org still has."""

    def __init__(self, salesforce: Mapping[str, Any], pubsub: Mapping[str, Any], token: str) -> None:
        self.heard: list[Heard] = []
        roots = grpc.ssl_channel_credentials(Path(salesforce["ca_file"]).read_bytes())
        self._channel = grpc.secure_channel(pubsub["endpoint"], roots)
        self._stub = pubsub_api_pb2_grpc.PubSubStub(self._channel)
        self._who = (
            ("accesstoken", token),
            ("instanceurl", salesforce["instance_url"]),
            ("tenantid", salesforce["org_id"]),
        )
        self._schemas: dict[str, Any] = {}
        self._demand: queue.SimpleQueue[pubsub_api_pb2.FetchRequest | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._demand.put(None)
        self._channel.close()
        self._thread.join(5)

    def about(self, record_id: str) -> list[Heard]:
        """Return the requests heard for a record, oldest first."""
        return [event for event in list(self.heard) if event.fields.get("Record_Id__c") == record_id]

    def _requests(self) -> Iterator[pubsub_api_pb2.FetchRequest]:
        earliest = pubsub_api_pb2.ReplayPreset.EARLIEST
        yield pubsub_api_pb2.FetchRequest(topic_name=TOPIC, replay_preset=earliest, num_requested=_MOST)
        while (request := self._demand.get()) is not None:
            yield request

    def _listen(self) -> None:
        try:
            for response in self._stub.Subscribe(self._requests(), metadata=self._who):
                for event in response.events:
                    fields = self._decode(event.event)
                    heard = Heard(event.event.id, event.replay_id.hex(), int(fields["CreatedDate"]), fields)
                    self.heard.append(heard)
        except grpc.RpcError:
            return  # closed; whoever waits for an event finds that it does not come

    def _decode(self, event: pubsub_api_pb2.ProducerEvent) -> dict[str, Any]:
        if event.schema_id not in self._schemas:
            request = pubsub_api_pb2.SchemaRequest(schema_id=event.schema_id)
            answer = self._stub.GetSchema(request, metadata=self._who)
            self._schemas[event.schema_id] = fastavro.parse_schema(json.loads(answer.schema_json))
        decoded: Any = fastavro.schemaless_reader(io.BytesIO(event.payload), self._schemas[event.schema_id], None)
        return dict(decoded)
