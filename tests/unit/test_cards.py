"""Card numbers are found in every form in which people type them; what only looks like one is left alone."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.domain.cards import REMOVED, holds_card, may_hold_card, remove_cards
from service.intake import read_stripe_event

# Test numbers that the networks publish: docs.stripe.com/testing.
CARDS = (
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
)


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("form", ["{}", "card {}, thanks", "({})", "nr:{}.", "\u00e9{}\u00e9"])
def test_a_card_number_is_found(card: str, form: str) -> None:
    grouped = " ".join(card[at : at + 4] for at in range(0, len(card), 4))
    for written in (card, grouped, grouped.replace(" ", "-")):
        text = form.format(written)
        assert holds_card(text)
        assert may_hold_card(text.encode())
        body = {"a": [{"note": text}]}
        assert remove_cards(body) == ["a.0.note"]
        assert body == {"a": [{"note": form.format(REMOVED)}]}


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # the check digit
        "424242424242424",  # a digit short
        "1764000000000",  # milliseconds of today
        "0000000000000000",
        "4444444444444444",
        "pi_3NZ4242424242424242",  # part of an id
        "4242 4242",
        "+49 30 1234567890",
        "9999999999999995",
        "",
    ],
)
def test_what_is_none_is_left_alone(text: str) -> None:
    body = {"note": text, "amount": 4242424242424242}
    assert not holds_card(text)
    assert remove_cards(body) == []
    assert body == {"note": text, "amount": 4242424242424242}


def test_the_name_of_a_field_hides_none() -> None:
    body = {"metadata": {"4242 4242 4242 4242": "4242424242424242", "kept": "1"}}
    assert remove_cards(body) == [f"metadata.{REMOVED}"] * 2
    assert body == {"metadata": {"kept": "1", REMOVED: REMOVED}}


@pytest.mark.parametrize("sign", ["2", " ", "-"])
def test_an_escaped_one_is_found_in_json(sign: str) -> None:
    written = "4242 4242-4242 4242".replace(sign, f"\\u{ord(sign):04x}")
    raw = f'{{"note": "{written}"}}'.encode()
    assert may_hold_card(raw)
    assert remove_cards(json.loads(raw)) == ["note"]


@pytest.mark.parametrize("text", ["4242 4242 4242 4242 12/28", "123 4242424242424242 12", "2026-11-23 378282246310005"])
def test_a_date_or_a_code_beside_it_hides_nothing(text: str) -> None:
    body = {"note": text}
    assert remove_cards(body) == ["note"]
    assert not [card for card in CARDS if card in body["note"].replace(" ", "")]


@given(
    st.sampled_from(CARDS),
    st.text(st.characters(exclude_categories=["Nd", "L", "Cs"]), max_size=9),
    st.text(st.characters(exclude_categories=["Nd", "L", "Cs"], exclude_characters=" -"), max_size=9),
)
def test_whatever_stands_around_it(card: str, before: str, after: str) -> None:
    text = f"{before}{card}{after}"
    assert holds_card(text)
    assert may_hold_card(text.encode())


def test_a_webhook_is_kept_without_it() -> None:
    subject = {"id": "pi_1", "object": "payment_intent", "metadata": {"note": "pay 4242-4242-4242-4242 now"}}
    event = {"id": "evt_1", "object": "event", "type": "a.b", "created": 1, "livemode": False, "api_version": "v"}
    read = read_stripe_event("acme", json.dumps({**event, "data": {"object": subject}}, indent=2).encode())
    assert "4242" not in read.payload
    assert read.subject is not None
    assert read.subject["metadata"] == {"note": f"pay {REMOVED} now"}
    assert json.loads(read.payload)["data"]["object"]["metadata"]["note"] == f"pay {REMOVED} now"
