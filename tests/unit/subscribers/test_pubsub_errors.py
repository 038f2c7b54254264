"""Salesforce's own code decides what an end means; the gRPC status only where there is no code we know."""

import json
import os
from pathlib import Path

import grpc
import pytest
from grpc.aio import AioRpcError, Metadata

from subscribers import Cause
from subscribers.pubsub._errors import BY_CODE, PREFIX, ended

DATA = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", "../shared/data")) / "salesforce" / "pubsub" / "error_codes.json"


def failure(code: str | None, status: grpc.StatusCode = grpc.StatusCode.INTERNAL) -> AioRpcError:
    trailer = Metadata() if code is None else Metadata(("error-code", PREFIX + code), ("rpc-id", "rpc-1"))
    return AioRpcError(status, Metadata(), trailer, "text that may quote anything")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("service.unavailable", Cause.RETRY),
        ("subscription.fetch.overflow", Cause.RETRY),
        ("service.auth.error", Cause.NEW_TOKEN),
        ("subscription.fetch.replayid.corrupted", Cause.REPLAY_LOST),
        ("subscription.fetch.replayid.validation.failed", Cause.REPLAY_LOST),
        ("subscription.limit.exceeded", Cause.SLOW_DOWN),
        ("service.protection.triggered", Cause.SLOW_DOWN),
        ("topic.not.found", Cause.STOP),
        ("service.tenant.license", Cause.STOP),
    ],
)
@pytest.mark.parametrize("status", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNKNOWN])
def test_the_code_decides_whatever_the_status(code: str, cause: Cause, status: grpc.StatusCode) -> None:
    end = ended(failure(code, status))
    assert (end.cause, end.code, end.rpc_id) == (cause, code, "rpc-1")


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (grpc.StatusCode.UNAVAILABLE, Cause.RETRY),
        (grpc.StatusCode.INTERNAL, Cause.RETRY),
        (grpc.StatusCode.UNKNOWN, Cause.RETRY),
        (grpc.StatusCode.CANCELLED, Cause.RETRY),
        (grpc.StatusCode.DEADLINE_EXCEEDED, Cause.RETRY),
        (grpc.StatusCode.UNAUTHENTICATED, Cause.NEW_TOKEN),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Cause.SLOW_DOWN),
        (grpc.StatusCode.PERMISSION_DENIED, Cause.STOP),
    ],
)
@pytest.mark.parametrize("code", [None, "a.code.of.next.year"])
def test_without_a_known_code_the_status_decides(code: str | None, status: grpc.StatusCode, cause: Cause) -> None:
    assert ended(failure(code, status)).cause is cause


def test_no_text_of_salesforce_passes() -> None:
    assert "quote" not in str(ended(failure("service.unavailable")))
    assert len(ended(failure("x" * 5000)).code) <= 120


@pytest.mark.skipif(not DATA.exists(), reason="the vendor's table of codes is not here (COUNTERFOIL_VENDOR_DATA)")
def test_every_published_code_is_in_the_table() -> None:
    codes = {entry["code"].removeprefix(PREFIX) for entry in json.loads(DATA.read_text())["codes"]}
    assert codes == BY_CODE.keys()


# What each class of the table may become here; what is said to need a person may also free itself.
CLASSES = {
    "retry": {Cause.RETRY},
    "restart": {Cause.RETRY},
    "reauth_then_retry": {Cause.NEW_TOKEN},
    "replay_policy": {Cause.REPLAY_LOST},
    "backoff": {Cause.SLOW_DOWN, Cause.RETRY},
    "wait_quota": {Cause.SLOW_DOWN},
    "permanent": {Cause.STOP},
    "needs_human": {Cause.STOP, Cause.SLOW_DOWN},
}


@pytest.mark.skipif(not DATA.exists(), reason="the vendor's table of codes is not here (COUNTERFOIL_VENDOR_DATA)")
def test_every_published_code_is_handled_by_its_class() -> None:
    for entry in json.loads(DATA.read_text())["codes"]:
        assert BY_CODE[entry["code"].removeprefix(PREFIX)] in CLASSES[entry["handling"]], entry
