"""What an error of the Pub/Sub API means: by its own code, which comes in the trailer, not by the gRPC status.

One cause arrives with different statuses, so the status decides only where there is no code, or none we know; what
neither tells is tried again, ever more slowly. Source: Pub/Sub API, "Handle Errors" and "Retry RPC Calls".
"""

import grpc

from subscribers.feed import Cause, StreamEnded

PREFIX = "sfdc.platform.eventbus.grpc."
SCHEMA_INVALID = "schema.validation.failed"

_CODES = {
    Cause.RETRY: """service.unavailable topic.api.unavailable schema.api.unavailable subscription.internal.error
        subscription.fetch.overflow subscription.fetch.replay.repeated publish.stream.sweeper.timeout
        managed.subscription.already.active""",
    Cause.NEW_TOKEN: "service.auth.error",
    Cause.REPLAY_LOST: "subscription.fetch.replayid.corrupted subscription.fetch.replayid.validation.failed",
    Cause.SLOW_DOWN: """subscription.limit.exceeded service.protection.triggered
        service.protection.stream.limit.triggered concurrent.client.limit.exceeded""",
    Cause.STOP: """service.auth.headers.invalid service.auth.refresh.invalid service.tenant.license topic.not.found
        topic.meta.permission topic.validation.empty schema.meta.permission schema.validation.failed
        subscription.fetch.requested.events.invalid subscription.fetch.topic.mismatch
        subscription.fetch.request.invalid subscription.topic.cannot.subscribe publish.auth.refresh.invalid
        publish.event.count.invalid publish.topic.mismatch publish.topic.validation.empty
        managed.subscription.config.stopped managed.subscription.config.deleted
        managed.subscription.developer.name.not.found managed.subscription.subscription.id.not.found
        managed.subscription.subscription.id.invalid managed.subscription.id.or.developer.name.empty
        managed.subscription.fetch.request.events.invalid managed.subscription.fetch.request.invalid
        managed.subscription.fetch.request.commit.request.restricted
        managed.subscription.fetch.request.auth.request.restricted""",
}
# Another client reads a managed subscription for as long as Salesforce takes to notice that it died: after a replica's
# death the next is refused for a moment only, so it asks again at growing intervals.
BY_CODE = {code: cause for cause, codes in _CODES.items() for code in codes.split()}
BY_STATUS = {
    grpc.StatusCode.OK: Cause.COMPLETED,
    grpc.StatusCode.UNAUTHENTICATED: Cause.NEW_TOKEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Cause.SLOW_DOWN,
    grpc.StatusCode.PERMISSION_DENIED: Cause.STOP,
    grpc.StatusCode.NOT_FOUND: Cause.STOP,
    grpc.StatusCode.UNIMPLEMENTED: Cause.STOP,
}
MAX_CODE_CHARACTERS = 120


def _trailer(error: grpc.aio.AioRpcError, name: str) -> str:
    for key, value in error.trailing_metadata() or ():
        if key == name:
            text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
            return text[:MAX_CODE_CHARACTERS]
    return ""


def error_code(error: grpc.aio.AioRpcError) -> str:
    """Return Salesforce's code without its common beginning; empty when there is none."""
    return _trailer(error, "error-code").removeprefix(PREFIX)


def ended(error: grpc.aio.AioRpcError) -> StreamEnded:
    """Return the end of a stream that an error of a call means."""
    code = error_code(error)
    cause = BY_CODE.get(code) or BY_STATUS.get(error.code(), Cause.RETRY)
    return StreamEnded(cause, code or error.code().name, rpc_id=_trailer(error, "rpc-id") or None)
