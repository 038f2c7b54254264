"""Rules that cannot be kept are refused before any start, with the place in the file."""

from typing import Any

import pytest

from service.config._load import parse_installation
from service.errors import ConfigurationError

_SECRET = {"env": "X"}
_EVENT = {"when": "payment_failed", "do": {"event": {}}}


def _parse(*rules: dict[str, Any]) -> None:
    auth = {"flow": "client_credentials", "client_id": "c", "client_secret": _SECRET}
    org = {"org_id": "00D000000000000001", "is_sandbox": True, "login_url": "https://x.example", "auth": auth}
    stripe = {"livemode": False, "secret_key": _SECRET, "webhook_secrets": [_SECRET]}
    document = {"version": 1, "orgs": {"us": {**org, "reactions": list(rules)}}}
    parse_installation(document | {"entities": {"acme": {"org": "us", "stripe": stripe}}})


def test_rules_that_can_be_kept_are_taken() -> None:
    _parse({"name": "a", **_EVENT}, {"name": "b", "if": {"entity": ["acme"]}, **_EVENT})


@pytest.mark.parametrize(
    ("rules", "field", "fault"),
    [
        ([{"name": "a", **_EVENT}] * 2, "the file", "orgs.us.reactions.1.name 'a' is used twice"),
        ([{"name": "a", "if": {"entity": ["other"]}, **_EVENT}], "the file", "reactions.0.if.entity names other"),
        ([{"name": "a", "when": "rain", "do": {"event": {}}}], "orgs.us.reactions.0.when", "input should be"),
        ([{"name": "a", "when": "payment_failed", "do": {}}], "orgs.us.reactions.0.do", "does one thing"),
    ],
)
def test_a_wrong_rule_is_named_with_its_place(rules: list[dict[str, Any]], field: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        _parse(*rules)
    assert field in refused.value.field
    assert fault in refused.value.fault
    assert refused.value.remedy
