"""Page tokens: exact for what they were written for, refused for anything else."""

import struct
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api._pages import MAX_TOKEN, filter_digest, read_token, write_token
from service.api._tokens import seal
from service.errors import InvalidRequest

DIGEST = filter_digest("acme", "", "", "")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=80_000)).map(lambda passed: EPOCH + passed)
payment_ids = st.from_regex(r"(cmd_[0-9a-f]{32}|pi_[A-Za-z0-9_]{1,250})", fullmatch=True)


@given(moments, payment_ids)
def test_a_token_gives_back_its_position_to_the_microsecond(moment: datetime, payment_id: str) -> None:
    token = write_token((moment, payment_id), DIGEST)
    assert len(token) <= MAX_TOKEN
    assert read_token(token, DIGEST) == (moment, payment_id)


@given(st.data(), moments, payment_ids)
def test_a_damaged_token_is_refused(data: st.DataObject, moment: datetime, payment_id: str) -> None:
    token = write_token((moment, payment_id), DIGEST)
    position = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(sorted(set("ABCabc012-_") - {token[position]})))
    damaged = token[:position] + other + token[position + 1 :]
    try:
        read = read_token(damaged, DIGEST)
    except InvalidRequest:
        return
    # The last character may hold bits that mean nothing.
    assert (read, position) == ((moment, payment_id), len(token) - 1)


@given(st.text(max_size=MAX_TOKEN + 10))
def test_any_text_is_refused_as_an_argument(text: str) -> None:
    with pytest.raises(InvalidRequest):
        read_token(text, DIGEST)


@given(st.lists(st.text(max_size=5), min_size=4, max_size=4), st.lists(st.text(max_size=5), min_size=4, max_size=4))
def test_different_filters_have_different_digests(one: list[str], other: list[str]) -> None:
    assert (filter_digest(*one) == filter_digest(*other)) == (one == other)


@pytest.mark.parametrize(("micros", "key"), [(2**63 - 1, b"pi_1"), (-(2**63), b"pi_1"), (0, b"pi_\0"), (0, b"pi_\xff")])
def test_a_forged_token_is_refused_as_an_argument(micros: int, key: bytes) -> None:
    forged = seal(struct.pack(">Bq8s", 1, micros, DIGEST) + key)
    with pytest.raises(InvalidRequest, match="page_token"):
        read_token(forged, DIGEST)


def test_filters_do_not_run_into_each_other() -> None:
    assert filter_digest("ab", "c", "", "") != filter_digest("a", "bc", "", "")
    assert filter_digest("a", "", "b", "") != filter_digest("a", "b", "", "")


def test_a_token_of_other_filters_is_refused() -> None:
    token = write_token((datetime(2026, 1, 1, tzinfo=UTC), "pi_1"), DIGEST)
    with pytest.raises(InvalidRequest, match="other filters"):
        read_token(token, filter_digest("other", "", "", ""))
