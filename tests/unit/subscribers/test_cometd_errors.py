"""What Salesforce says in refusing decides what follows; what nobody listed is tried again."""

from typing import Any

import pytest

from subscribers import Cause
from subscribers.cometd._errors import MAX_CODE_CHARACTERS, ended, ended_by_status


def refused(error: str | None, **more: Any) -> dict[str, Any]:
    return {"channel": "/meta/connect", "successful": False, **({} if error is None else {"error": error}), **more}


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("401::Authentication invalid", Cause.NEW_TOKEN),
        ("401::Request requires authentication", Cause.NEW_TOKEN),
        ("400::The replayId {157} you provided was invalid.  Please provide a valid ID, -2 to", Cause.REPLAY_LOST),
        ("400::Client x has established a session, but no BAYEUX_BROWSER cookie present", Cause.RETRY),
        ("400::The channel you requested to subscribe to does not exist {/event/X__e}", Cause.STOP),
        ("403::Unknown client", Cause.RETRY),
        ("403::Organization total events daily limit exceeded", Cause.SLOW_DOWN),
        ("403::Organization concurrent user limit exceeded", Cause.SLOW_DOWN),
        ("403::User not enabled for streaming", Cause.STOP),
        ("404::Unknown channel", Cause.STOP),
        ("413::Maximum Request Size Exceeded", Cause.STOP),
        ("500::Internal error", Cause.RETRY),
        ("503::Server is too busy", Cause.RETRY),
        ("something new", Cause.RETRY),
        (None, Cause.RETRY),
    ],
)
def test_an_error_has_a_cause(error: str | None, cause: Cause) -> None:
    assert ended(refused(error)).cause is cause


def test_a_handshake_is_judged_by_the_reason_behind_it() -> None:
    told = {"sfdc": {"failureReason": "401::Authentication invalid"}, "replay": True}
    end = ended(refused("403::Handshake denied", ext=told))
    assert (end.cause, end.code) == (Cause.NEW_TOKEN, "401::Authentication invalid")
    assert ended(refused("403::Handshake denied", ext=None)).cause is Cause.STOP
    assert ended(refused("403::Handshake denied", ext={"sfdc": "odd"})).cause is Cause.STOP


def test_a_code_is_short_enough_for_a_log() -> None:
    assert len(ended(refused("500::" + "x" * 10_000)).code) == MAX_CODE_CHARACTERS


@pytest.mark.parametrize(
    ("status", "cause"),
    [(401, Cause.NEW_TOKEN), (403, Cause.SLOW_DOWN), (429, Cause.SLOW_DOWN), (404, Cause.STOP), (503, Cause.RETRY)],
)
def test_an_http_status_has_a_cause(status: int, cause: Cause) -> None:
    end = ended_by_status(status)
    assert (end.cause, end.code) == (cause, f"HTTP {status}")
