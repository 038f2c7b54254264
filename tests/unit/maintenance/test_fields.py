"""Whether a described field can hold a value: every type against every kind of value."""

from decimal import Decimal
from typing import Any

import pytest

from service.config import ObjectMapping
from service.domain import Reference
from service.maintenance._fields import access_faults, field_faults, key_faults
from service.projection import PaymentStatus

STATUSES = [{"value": status.value, "active": True} for status in PaymentStatus]
AMOUNT = {"type": "double", "precision": 18, "scale": 3}
TEXT = {"type": "string", "length": 10}
STATUS = {"type": "picklist", "picklistValues": STATUSES, "restrictedPicklist": True}
LOOKUP = {"type": "reference", "referenceTo": ["Payment__c"], "relationshipName": "Payment__r"}
PAYMENT = Reference("Payment__c", "Stripe_Id__c", "pi_1")
MOMENT = "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (AMOUNT, Decimal("999999999999999.999")),
        (AMOUNT, Decimal("-0.001")),
        (AMOUNT, 5),
        ({"type": "currency", "precision": 18, "scale": 2}, Decimal("1.20")),
        (TEXT, "0123456789"),
        ({"type": "textarea", "length": 20}, MOMENT),
        ({"type": "datetime"}, MOMENT),
        ({"type": "boolean"}, False),
        (STATUS, "Paid"),
        ({"type": "picklist", "picklistValues": [], "restrictedPicklist": False}, "visa"),
        (LOOKUP, PAYMENT),
        ({"type": "reference", "referenceTo": ["Account"]}, "001000000000001AAA"),
        (TEXT, None),
    ],
)
def test_what_fits(field: dict[str, Any], value: Any) -> None:
    assert list(field_faults(field, [value], {})) == []


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ({**AMOUNT, "scale": 2}, Decimal("1.234"), "has 2 decimals: 3 are needed"),
        ({**AMOUNT, "precision": 6}, Decimal("1234.5"), "has 3 digits before the point: 4 are needed"),
        (TEXT, Decimal(1), "is of type string: a number is needed"),
        ({"type": "int", "digits": 9}, Decimal(1), "is of type int: a number is needed"),
        (TEXT, "01234567890", "holds 10 characters: 11 may come"),
        (AMOUNT, "x", "is of type double: a text is needed"),
        ({"type": "date"}, MOMENT, "is of type date: a date and time is needed"),
        ({"type": "datetime"}, "soon", "is of type datetime: a text is needed"),
        (TEXT, True, "is of type string: a checkbox is needed"),
        ({"type": "boolean"}, "x", "is of type boolean: a text is needed"),
        ({**STATUS, "picklistValues": STATUSES[:-2]}, "Paid", "lacks the values Disputed, Unknown"),
        (
            {**STATUS, "picklistValues": [{**one, "active": one["value"] != "Draft"} for one in STATUSES]},
            "Paid",
            "Draft",
        ),
        ({**STATUS, "picklistValues": []}, "visa", "is a restricted picklist"),
        (TEXT, PAYMENT, "is not a lookup to Payment__c"),
        ({**LOOKUP, "referenceTo": ["Charge__c"]}, PAYMENT, "is not a lookup to Payment__c"),
        (LOOKUP, "001000000000001AAA", "is not a lookup to Account"),
        (LOOKUP, "cus_1", "is not a lookup to the record"),
    ],
)
def test_what_does_not_fit(field: dict[str, Any], value: Any, fault: str) -> None:
    (found,) = field_faults(field, [value, value], {})
    assert fault in found


def test_a_lookup_points_to_what_the_org_calls_our_object() -> None:
    names = {"Payment__c": ObjectMapping(object="Zahlung__c")}
    assert not list(field_faults({**LOOKUP, "referenceTo": ["Zahlung__c"]}, [PAYMENT], names))
    assert list(field_faults(LOOKUP, [PAYMENT], names)) == ["is not a lookup to Zahlung__c"]


@pytest.mark.parametrize(
    ("createable", "updateable", "created", "faults"),
    [(True, True, True, 0), (False, True, True, 1), (False, True, False, 0), (False, False, True, 2)],
)
def test_access(createable: bool, updateable: bool, created: bool, faults: int) -> None:
    field = {"createable": createable, "updateable": updateable}
    assert len(list(access_faults(field, created=created))) == faults


def test_an_external_id_is_unique_and_tells_case_apart() -> None:
    key = {"externalId": True, "unique": True, "caseSensitive": True}
    assert not list(key_faults(key))
    for name in key:
        assert len(list(key_faults({**key, name: False}))) == 1
