"""What a record says of its customer, and what of it must be sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.commands._customer_terms import _said, customer_paths, differences
from service.config import Entity, SecretRef, StripeAccount
from service.errors import Refused

ACCOUNT, CONTACT = "001000000000001AAA", "003000000000001AAA"
_UNUSED = SecretRef(env="COUNTERFOIL_TEST_UNUSED")
_MARKS = {"salesforce_record_id": ACCOUNT, "salesforce_object": "Account"}


def entity(**customers: Any) -> Entity:
    account = StripeAccount(livemode=False, secret_key=_UNUSED, webhook_secrets=(_UNUSED,))
    return Entity.model_validate({"org": "main", "stripe": account, "customers": customers})


def said(row: dict[str, Any], **customers: Any) -> dict[str, Any]:
    return _said(entity(**customers), "Account", ACCOUNT, row)


def test_by_default() -> None:
    row = {
        "Name": " Fenwick Optics ",
        "Phone": "+44 20 7946 0000",
        "BillingStreet": "1 Quay\r\n\r\nFloor 2\nDoor 3",
        "BillingCity": "Leeds",
        "BillingPostalCode": "LS1",
        "BillingCountry": "gb",
    }
    address = {"line1": "1 Quay", "line2": "Floor 2, Door 3", "city": "Leeds", "postal_code": "LS1", "state": ""}
    assert said(row) == {
        "name": "Fenwick Optics",
        "phone": "+44 20 7946 0000",
        "address": address | {"country": "GB"},
        "metadata": _MARKS,
    }


def test_what_is_empty_says_nothing() -> None:
    assert said({"Name": "Fenwick", "Phone": " ", "BillingStreet": None}) == {"name": "Fenwick", "metadata": _MARKS}


def test_by_fields_of_ones_own() -> None:
    own = {"name": None, "email": "Mail__c", "address": None, "metadata": {"tier": "Tier__c", "vip": "Vip__c"}}
    assert customer_paths(entity(account=own), "Account") == ("Mail__c", "Phone", "Tier__c", "Vip__c")
    row = {"Mail__c": "a@example.com", "Tier__c": 3, "Vip__c": True, "BillingCity": "Leeds", "Name": "Fenwick"}
    assert said(row, account=own) == {"email": "a@example.com", "metadata": _MARKS | {"tier": "3", "vip": "true"}}
    assert customer_paths(entity(), "Contact")[:3] == ("Name", "Email", "Phone")


def test_codes_are_taken_where_there_are_any() -> None:
    row = {"BillingCountry": "Germany", "BillingCountryCode": "DE", "BillingState": "Bavaria", "BillingStateCode": "BY"}
    assert (said(row)["address"]["country"], said(row)["address"]["state"]) == ("DE", "BY")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"Phone": "0" * 21}, "Phone is longer than the 20 characters"),
        ({"Name": "x" * 257}, "Name is longer than the 256 characters"),
        ({"BillingCountry": "Secretland"}, "BillingCountry is not a code of two letters"),
    ],
)
def test_what_stripe_would_not_take_is_named_and_not_repeated(row: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        said(row)
    assert refused.value.reason == "CUSTOMER_INVALID"
    assert not any(str(value) in refused.value.message for value in row.values())


@pytest.mark.parametrize("key", ["counterfoil_key", "salesforce_record_id", "traceparent", "two words", ""])
def test_keys_of_ours_are_not_to_be_mapped(key: str) -> None:
    with pytest.raises(ValidationError):
        entity(account={"metadata": {key: "Name"}})


_TEXT = st.text("abc", max_size=3)
_SAID = st.fixed_dictionaries(
    {"metadata": st.dictionaries(st.sampled_from("pqr"), _TEXT.filter(bool))},
    optional={
        "name": _TEXT.filter(bool),
        "phone": _TEXT.filter(bool),
        "address": st.fixed_dictionaries(dict.fromkeys(("line1", "city"), _TEXT)),
    },
)
_THEIRS = st.fixed_dictionaries(
    {
        "name": st.none() | _TEXT,
        "phone": st.none() | _TEXT,
        "address": st.none() | st.fixed_dictionaries(dict.fromkeys(("line1", "city", "state"), st.none() | _TEXT)),
        "metadata": st.dictionaries(st.sampled_from("pqrs"), _TEXT.filter(bool)),
    }
)


@given(_SAID, _THEIRS)
def test_what_differs_is_enough_and_not_more(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    changes = differences(ours, theirs)
    after = theirs | changes | {"metadata": theirs["metadata"] | changes.get("metadata", {})}
    assert differences(ours, after) == {}
    assert set(changes) <= set(ours)
    for name, value in changes.items():
        without = after | {name: theirs[name]}
        assert name in differences(ours, without), "what is sent had to be"
        assert name != "metadata" or all(theirs["metadata"].get(key) != text for key, text in value.items())
    assert after["metadata"].items() >= ours["metadata"].items()
    assert set(theirs["metadata"]) <= set(after["metadata"]), "what others keep there stays"
