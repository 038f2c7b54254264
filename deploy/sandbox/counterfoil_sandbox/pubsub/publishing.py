"""Publish and PublishStream: every event of a request gets its own result, and a bad one does not spoil the rest.

Limits (1 MB an event, 4 MB a request) and the duty to send the same topic throughout a stream:
developer.salesforce.com/docs/platform/pub-sub-api/references/methods/publish-rpc.html and publishstream-rpc.html.
"""

import grpc

from counterfoil_sandbox.pubsub._pb import pubsub_api_pb2 as pb
from counterfoil_sandbox.pubsub.bus import EventBus
from counterfoil_sandbox.pubsub.errors import CallFailure

MAX_REQUEST_BYTES = 4 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
EVENT_PREFIX = "/event/"


def publish(bus: EventBus, request: pb.PublishRequest, rpc_id: str, stream_topic: str = "") -> pb.PublishResponse:
    """Publish one request's events; ``stream_topic`` is that of the stream's earlier requests.

    Raises:
        CallFailure: the request as a whole cannot be served.
    """
    topic = request.topic_name
    if not topic:
        raise CallFailure("publish.topic.validation.empty", "The topic name must not be empty.")
    if stream_topic not in {"", topic}:
        raise CallFailure("publish.topic.mismatch")
    if request.auth_refresh:
        raise CallFailure("publish.auth.refresh.invalid")
    if topic not in bus.topics():
        raise CallFailure("topic.not.found")
    if not topic.startswith(EVENT_PREFIX):
        raise CallFailure("topic.meta.permission", "Change events are published by Salesforce only.")
    if not request.events:
        raise CallFailure("publish.event.count.invalid", "A request must hold at least one event.")
    if request.ByteSize() > MAX_REQUEST_BYTES:
        raise CallFailure(None, "The request exceeds 4 MB.", grpc.StatusCode.UNAVAILABLE)
    results = [_publish_one(bus, topic, event) for event in request.events]
    return pb.PublishResponse(results=results, schema_id=bus.topic(topic).schema.schema_id, rpc_id=rpc_id)


def _publish_one(bus: EventBus, topic: str, event: pb.ProducerEvent) -> pb.PublishResult:
    try:
        if len(event.payload) > MAX_EVENT_BYTES:
            raise ValueError("the event exceeds 1 MB")  # noqa: TRY301 - one place turns refusals into results
        published = bus.publish_encoded(topic, event.schema_id, event.payload, event.id or None)
    except ValueError as refusal:
        error = pb.Error(code=pb.PUBLISH, msg=str(refusal))
        return pb.PublishResult(error=error, correlation_key=event.id)
    return pb.PublishResult(replay_id=published.replay_id, correlation_key=event.id)
