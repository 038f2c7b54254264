"""How long a call is held back so that it carries more."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.domain.retry import next_linger

SECOND = timedelta(seconds=1)


def test_an_idle_queue_and_a_full_call_wait_for_nothing() -> None:
    assert next_linger(SECOND, found=0, room=200) == timedelta()
    assert next_linger(SECOND, found=200, room=200) == timedelta()


@given(st.integers(1, 199), st.integers(0, 1_000_000))
def test_a_busy_queue_waits_ever_longer_but_never_above_a_second(found: int, before: int) -> None:
    linger = timedelta(microseconds=before)
    assert min(linger, SECOND) <= next_linger(linger, found=found, room=200) <= SECOND
    assert next_linger(linger, found=found, room=200) > timedelta()
