"""Only Stripe, and only now."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature

from service.clients import verify_webhook
from service.errors import InvalidRequest

SECRET = "whsec_first"
OTHER = "whsec_second"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
TOLERANCE = timedelta(seconds=300)
BODY = b'{"id": "evt_1", "name": "Gro\xc3\x9f"}'


def header(secret: str = SECRET, at: datetime = NOW, body: bytes = BODY) -> str:
    return str(WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp())))


def refused(payload: bytes, value: str | None, secrets: tuple[str, ...] = (SECRET,)) -> str:
    with pytest.raises(InvalidRequest) as caught:
        verify_webhook(payload, value, secrets, NOW, TOLERANCE)
    (violation,) = caught.value.violations
    assert violation.field == "Stripe-Signature"
    assert SECRET not in str(caught.value)
    return violation.description


@pytest.mark.parametrize("secrets", [(SECRET,), (OTHER, SECRET), (SECRET, OTHER)])
def test_any_live_secret_may_match(secrets: tuple[str, ...]) -> None:
    verify_webhook(BODY, header(), secrets, NOW, TOLERANCE)


def test_a_header_with_the_signatures_of_two_secrets_matches_either() -> None:
    both = f"{header()},{header(OTHER).split(',')[1]},v0=abc"
    verify_webhook(BODY, both, [SECRET], NOW, TOLERANCE)
    verify_webhook(BODY, both, [OTHER], NOW, TOLERANCE)


@pytest.mark.parametrize("age", [-300, -1, 0, 299, 300])
def test_age_and_lead_within_the_tolerance_pass(age: int) -> None:
    verify_webhook(BODY, header(at=NOW - timedelta(seconds=age)), [SECRET], NOW, TOLERANCE)


@pytest.mark.parametrize(("age", "word"), [(301, "old"), (86_400, "old"), (-301, "early"), (-10_000_000, "early")])
def test_age_and_lead_beyond_the_tolerance_are_refused(age: int, word: str) -> None:
    assert word in refused(BODY, header(at=NOW - timedelta(seconds=age)))


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "t=",
        "v1=abc",
        "t=abc,v1=abc",
        "t=1790000000",
        "=,=",
        "t=9" * 2000,
        header().replace(",", ", "),
        "v0=1",
    ],
)
def test_an_unreadable_header_is_refused(value: str | None) -> None:
    refused(BODY, value)


def test_another_secret_another_body_and_a_body_that_is_no_text_are_refused() -> None:
    refused(BODY, header(OTHER))
    refused(BODY + b" ", header())
    refused(b"\xff\xfe", header())
    refused(BODY, header(), ())


def test_the_time_is_under_the_signature() -> None:
    old = header(at=NOW - timedelta(days=1))
    refused(BODY, f"t={int(NOW.timestamp())},{old.split(',')[1]}")
    refused(BODY, f"t={int(NOW.timestamp())},{old}")


@given(value=st.text(max_size=200), payload=st.binary(max_size=100))
def test_nothing_made_up_passes_or_crashes(value: str, payload: bytes) -> None:
    with pytest.raises(InvalidRequest):
        verify_webhook(payload, value, [SECRET], NOW, TOLERANCE)
