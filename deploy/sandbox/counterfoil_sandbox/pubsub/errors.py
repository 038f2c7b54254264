"""How a call fails: a gRPC status, and the trailing metadata error-code, rpc-id and type.

The codes are Salesforce's table (developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html). The
table does not tie a code to a status, and a client must not either; the statuses here are those seen in public reports,
or else the nearest in meaning. The value of ``type`` is not documented: here it is the status's name.
"""

from typing import Any, NoReturn

import grpc
from grpc.aio import ServicerContext

PREFIX = "sfdc.platform.eventbus.grpc."

_Status = grpc.StatusCode
_CODES_BY_STATUS: dict[grpc.StatusCode, str] = {
    _Status.INTERNAL: "service.unavailable subscription.internal.error",
    _Status.UNAUTHENTICATED: "service.auth.error service.auth.headers.invalid service.auth.refresh.invalid",
    _Status.RESOURCE_EXHAUSTED: (
        "service.protection.stream.limit.triggered service.protection.triggered concurrent.client.limit.exceeded "
        "subscription.limit.exceeded subscription.fetch.overflow managed.subscription.already.active"
    ),
    _Status.PERMISSION_DENIED: (
        "service.tenant.license topic.meta.permission schema.meta.permission subscription.topic.cannot.subscribe"
    ),
    _Status.NOT_FOUND: (
        "topic.not.found managed.subscription.developer.name.not.found managed.subscription.subscription.id.not.found"
    ),
    _Status.UNAVAILABLE: "topic.api.unavailable schema.api.unavailable",
    _Status.ABORTED: "subscription.fetch.replay.repeated publish.stream.sweeper.timeout",
    _Status.FAILED_PRECONDITION: "managed.subscription.config.stopped managed.subscription.config.deleted",
    _Status.INVALID_ARGUMENT: (
        "topic.validation.empty schema.validation.failed subscription.fetch.replayid.corrupted "
        "subscription.fetch.replayid.validation.failed subscription.fetch.requested.events.invalid "
        "subscription.fetch.topic.mismatch subscription.fetch.request.invalid publish.auth.refresh.invalid "
        "publish.event.count.invalid publish.topic.mismatch publish.topic.validation.empty "
        "managed.subscription.subscription.id.invalid managed.subscription.id.or.developer.name.empty "
        "managed.subscription.fetch.request.events.invalid managed.subscription.fetch.request.invalid "
        "managed.subscription.fetch.request.commit.request.restricted "
        "managed.subscription.fetch.request.auth.request.restricted"
    ),
}
STATUS_OF = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes.split()}

_MESSAGES = {
    "service.unavailable": "The service is unavailable. Try again later.",
    "service.auth.error": "An authentication exception occurred. Provide valid authentication via metadata headers.",
    "service.auth.headers.invalid": "An authentication header is missing or blank.",
    "topic.not.found": "The topic does not exist or is not visible to the caller.",
    "subscription.limit.exceeded": "You have exceeded the event delivery limit for your org.",
    "subscription.fetch.replayid.corrupted": (
        "The Replay ID validation failed. Ensure that the Replay ID is valid and within the retention window."
    ),
    "subscription.fetch.replayid.validation.failed": "The replay preset is CUSTOM but there is no Replay ID.",
    "subscription.fetch.requested.events.invalid": "The number of events requested must be greater than zero.",
    "subscription.fetch.topic.mismatch": "The topic name differs from the one the stream was opened with.",
}


class CallFailure(Exception):
    """A call which must end with this status; ``code`` is the table's suffix, or None for a failure of the network."""

    def __init__(self, code: str | None, message: str = "", status: grpc.StatusCode | None = None) -> None:
        super().__init__(code or message)
        self.code = code
        self.status = status or STATUS_OF.get(code or "", grpc.StatusCode.UNAVAILABLE)
        self.message = message or _MESSAGES.get(code or "", f"The call failed: {code}.")

    def trailers(self, rpc_id: str) -> tuple[tuple[str, str], ...]:
        """The trailing metadata; a failure of the network has none, since Salesforce did not write it."""
        if self.code is None:
            return ()
        return (("error-code", PREFIX + self.code), ("rpc-id", rpc_id), ("type", self.status.name))

    def details(self, rpc_id: str) -> str:
        """The status's text, to which Salesforce appends the id of the call."""
        return self.message if self.code is None else f"{self.message} rpcId: {rpc_id}"


async def end_with(context: "ServicerContext[Any, Any]", failure: CallFailure, rpc_id: str) -> NoReturn:
    """End the call; grpc raises to unwind the handler."""
    await context.abort(failure.status, failure.details(rpc_id), failure.trailers(rpc_id))
