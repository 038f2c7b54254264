"""A statement that does not add up is made again, ever more seldom and not for ever; one that does is not."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.domain import Statement
from service.domain._statement import Line
from service.maintenance._relist import again_at, anew, closing

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAYOUT = {"amount": 1000, "currency": "usd"}


def statement(net: int, currency: str = "USD") -> Statement:
    return Statement((Line("charge", currency, 1, net, 0, net),))


def test_a_statement_that_does_not_add_up_is_made_again_eight_times_within_two_days() -> None:
    known: dict[str, Any] = {}
    now, waits = NOW, []
    for _ in range(50):
        known = closing(known, statement(990), PAYOUT, now)
        again = again_at(known)
        if again is None:
            break
        waits.append((again - now).total_seconds())
        now = again
        known = anew(known | {"lines": [], "rule": "listed", "again": 0}, now)
        assert again_at(known) is None
    assert waits == [10, 40, 160, 640, 2560, 10_240, 40_960, 86_400]
    assert now - NOW < timedelta(days=2)
    assert known["since"] == int(NOW.timestamp())


@given(net=st.integers(-(10**12), 10**12), amount=st.integers(-(10**12), 10**12), tries=st.integers(0, 7))
def test_only_what_does_not_add_up_is_made_again(net: int, amount: int, tries: int) -> None:
    found = closing({"tries": tries}, statement(net), PAYOUT | {"amount": amount}, NOW)
    assert (again_at(found) is None) == (net == amount)
    assert found["tries"] == tries + 1


def test_what_is_in_another_currency_does_not_add_up() -> None:
    both = Statement((*statement(1000).lines, *statement(5, "EUR").lines))
    assert again_at(closing({}, both, PAYOUT, NOW)) is not None
