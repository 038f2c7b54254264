import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.intake import read_stripe_event

PLANTED = "pi_1_secret_planted"
TEXTS = st.text(max_size=20)
# Stripe's integers have 64 bits; a longer one is no integer to the parser.
INTEGERS = st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(st.none() | st.booleans() | INTEGERS | TEXTS, lambda inner: st.lists(inner, max_size=3))


def event(subject: dict[str, Any], **layout: Any) -> bytes:
    body = {"id": "evt_1", "object": "event", "type": "a.b", "created": 1, "livemode": False, "api_version": "v"}
    return json.dumps(
        {**body, "data": {"object": {"id": "pi_1", "object": "payment_intent", **subject}}}, **layout
    ).encode()


@given(
    before=st.dictionaries(TEXTS, VALUES, max_size=3),
    secret=st.none() | TEXTS.map(lambda text: f'{PLANTED}"\\{text}'),
    after=st.dictionaries(TEXTS, VALUES, max_size=3),
    indent=st.sampled_from([None, 2]),
    plain=st.booleans(),
)
def test_a_client_secret_is_nowhere_and_the_rest_is_as_it_was(
    before: dict[str, Any], secret: str | None, after: dict[str, Any], indent: int | None, plain: bool
) -> None:
    ours = {"id", "object", "client_secret"}
    rest = {name: value for name, value in (before | after).items() if name not in ours}
    raw = event({**rest, "client_secret": secret, "last": 1}, indent=indent, ensure_ascii=plain)
    read = read_stripe_event("acme", raw)
    assert PLANTED not in read.payload
    kept = json.loads(read.payload)["data"]["object"]
    assert kept.pop("client_secret", None) is None
    assert kept == read.subject == {"id": "pi_1", "object": "payment_intent", **rest, "last": 1}


@pytest.mark.parametrize(
    "subject",
    [
        {"client_secret": PLANTED, "inner": {"client_secret": PLANTED}},
        {"inner": [{"client_secret": PLANTED}]},
        {"client_secret": {"value": PLANTED}},
        {"note": '"client_secret": "no secret"', "client_secret": PLANTED},
    ],
)
def test_wherever_it_stands(subject: dict[str, Any]) -> None:
    read = read_stripe_event("acme", event(subject))
    assert PLANTED not in read.payload
    assert PLANTED not in str(read.subject)
