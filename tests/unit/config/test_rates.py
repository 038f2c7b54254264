"""What an entity reports in is its own setting, else its org's; rates from an org that has none are refused."""

from typing import Any

import pytest

from service.config import Installation
from service.config._load import parse_installation
from service.currencies import Reporting, reporting_of
from service.errors import ConfigurationError

_SECRET = {"env": "X"}


def installation(org: dict[str, Any], **entity: Any) -> Installation:
    auth = {"flow": "client_credentials", "client_id": "c", "client_secret": _SECRET}
    known = {"org_id": "00D000000000000001", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
    stripe = {"livemode": False, "secret_key": _SECRET, "webhook_secrets": [_SECRET]}
    entities = {"acme": {"org": "us", "stripe": stripe, **entity}}
    return parse_installation({"version": 1, "orgs": {"us": {**known, **org}}, "entities": entities})


@pytest.mark.parametrize(
    ("org", "entity", "expected"),
    [
        ({}, {}, {}),
        ({"reporting_currency": "EUR"}, {}, {"acme": Reporting("EUR", "stripe")}),
        ({"reporting_currency": "EUR", "rates": "salesforce"}, {}, {"acme": Reporting("EUR", "salesforce")}),
        (
            {"reporting_currency": "EUR", "rates": "salesforce"},
            {"reporting_currency": "USD", "rates": "salesforce_dated"},
            {"acme": Reporting("USD", "salesforce_dated")},
        ),
        ({"currency": "USD"}, {"reporting_currency": "EUR"}, {"acme": Reporting("EUR", "stripe")}),
    ],
)
def test_an_entity_reports_as_it_says_or_as_its_org_does(
    org: dict[str, Any], entity: dict[str, Any], expected: dict[str, Reporting]
) -> None:
    found = installation(org, **entity)
    assert reporting_of(found) == reporting_of(found, "us") == expected
    assert reporting_of(found, "other") == {}


@pytest.mark.parametrize(
    ("org", "entity", "fault"),
    [
        ({}, {"rates": "salesforce"}, "of no use without a reporting_currency"),
        ({"currency": "USD", "rates": "salesforce"}, {"reporting_currency": "EUR"}, "one currency only"),
        ({"reporting_currency": "euro"}, {}, "Write it in the form"),
    ],
)
def test_what_cannot_be_kept_is_refused(org: dict[str, Any], entity: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        installation(org, **entity)
    assert fault in str(refused.value)
