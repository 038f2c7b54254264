"""The comparison of worked examples with what was said finds what differs, and learns nothing from a wrong answer."""

from typing import Any

import pytest

from tests.support.rehearsal import Disagreement, Rehearsal

SHOWN = [{"payment": {"id": "pi_3NZheld", "state": "PAID"}, "steps": [{"text": "refund of pi_3NZheld"}]}]


def said(intent: str = "pi_9", state: str = "PAID", text: str = "refund of pi_9") -> list[Any]:
    return [{"payment": {"id": intent, "state": state, "more": 1}, "steps": [{"text": "before"}, {"text": text}]}]


def test_a_word_means_what_was_answered_from_then_on() -> None:
    rehearsal = Rehearsal()
    rehearsal.compare(SHOWN, said())
    assert rehearsal.real({"id": "pi_3NZheld", "name": "delivery/pi_3NZheld"}) == {
        "id": "pi_9",
        "name": "delivery/pi_9",
    }
    with pytest.raises(Disagreement, match="means 'pi_9'"):
        rehearsal.compare(SHOWN, said(intent="pi_8"))


@pytest.mark.parametrize(
    "answer",
    [
        said(state="FAILED"),
        said(intent="ch_9"),
        said(text="refund of pi_8"),
        [],
        [{"payment": {"id": "pi_9"}, "steps": []}],
        ["pi_9"],
    ],
)
def test_what_differs_is_found_and_teaches_nothing(answer: list[Any]) -> None:
    rehearsal = Rehearsal()
    with pytest.raises(Disagreement):
        rehearsal.compare(SHOWN, answer)
    assert rehearsal.means == {}


def test_names_may_be_in_camel_case_and_times_pass() -> None:
    rehearsal = Rehearsal()
    shown = {"create_time": "2026-11-23T09:00:00Z", "page_url": "https://stripe.com/a"}
    rehearsal.compare(shown, {"createTime": "2031-01-01T00:00:00.5Z", "pageUrl": "http://127.0.0.1:1/b"})
    rehearsal.compare(shown["create_time"], "2032-01-01T00:00:00Z")
    with pytest.raises(Disagreement):
        rehearsal.compare(shown["create_time"], "tomorrow")
