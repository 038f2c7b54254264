"""Which records a rule asks for, and that the same record and version are always the same request."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from service.commands._change_rules import fields_to_read, holds, request_of, verify_changes
from service.config import Installation
from service.config.changes import ChangeRule
from service.errors import ConfigurationError

RECORD = "006000000000001AAA"
ASK = {"operation": "create_payment", "arguments": {"method": "off_session"}}
WON = {"Id": RECORD, "IsWon": True, "LastStageChangeDate": "2026-11-02T00:00:00.000+0000", "LastModifiedById": "005"}


def rule(**given: Any) -> ChangeRule:
    return ChangeRule.model_validate({"name": "r", "when": "won", "not_before": "2026-11-02", "ask": ASK, **given})


@pytest.mark.parametrize(
    ("given", "row", "asked"),
    [
        ({}, {}, True),
        ({}, {"IsWon": False}, False),
        ({}, {"IsWon": None}, False),
        ({}, {"LastStageChangeDate": "2026-11-01T23:59:59.000+0000"}, False),
        ({}, {"LastStageChangeDate": None, "CreatedDate": "2026-11-03T00:00:00.000+0000"}, True),
        ({}, {"LastStageChangeDate": None, "CreatedDate": None}, False),
        ({"if": {"Type": None}}, {"Type": ""}, True),
        ({"if": {"Type": None}}, {"Type": "New"}, False),
        ({"if": {"Type": ["New", None]}}, {"Type": "New"}, True),
        ({"if": {"Type": ["New", None]}}, {"Type": "Old"}, False),
        ({"if": {"Ready__c": True}}, {"Ready__c": True}, True),
        ({"if": {"Ready__c": True}}, {"Ready__c": Decimal(1)}, False),
        ({"if": {"Step__c": 2}}, {"Step__c": Decimal("2.00")}, True),
        ({"if": {"Type": "New", "Ready__c": False}}, {"Type": "New", "Ready__c": True}, False),
    ],
)
def test_a_rule_holds_for_what_it_says(given: dict[str, Any], row: dict[str, Any], asked: bool) -> None:
    assert holds(rule(**given), WON | row) is asked


@pytest.mark.parametrize(("code", "asked"), [("Activated", True), ("Draft", False), ("activated", False)])
def test_an_order_is_activated_by_its_code(code: str, asked: bool) -> None:
    row = {"Id": "801000000000001AAA", "StatusCode": code, "ActivatedDate": "2026-11-02T10:00:00.000+0000"}
    assert holds(rule(when="activated"), row | {"Status": "Activated"}) is asked


def test_a_request_is_the_same_for_the_same_version() -> None:
    by_amount = rule(version=["Amount", "CurrencyIsoCode"])
    one = request_of(by_amount, WON | {"Amount": Decimal("100.00"), "CurrencyIsoCode": "EUR"}, "acme", user="005a")
    same = request_of(by_amount, WON | {"Amount": Decimal(100), "CurrencyIsoCode": "EUR"}, "acme", user="005b")
    other = request_of(by_amount, WON | {"Amount": Decimal("100.01"), "CurrencyIsoCode": "EUR"}, "acme", user="005a")
    assert (one.version, one.fingerprint()) == ("100/EUR", same.fingerprint())
    assert other.version != one.version
    assert request_of(rule(), WON, "acme", user=None).version == "1"
    named = request_of(rule(version=["Name"]), WON | {"Name": "Ümlaut " * 20}, "acme", user=None)
    assert named.version.startswith("sha256:")
    assert (one.requested_by, request_of(rule(), WON, "acme", user=None).requested_by) == ("005a", "005")


def test_arguments_come_from_the_rule_and_from_fields_that_are_not_empty() -> None:
    ask = {**ASK, "fields": {"payment_method_id": "Card__c", "capture_method": "Capture__c"}}
    found = request_of(rule(ask=ask), WON | {"Card__c": " pm_1 ", "Capture__c": ""}, "acme", user=None)
    assert found.arguments == {"method": "off_session", "payment_method_id": "pm_1"}
    assert set(fields_to_read([rule(ask=ask)])) >= {"Id", "IsWon", "LastStageChangeDate", "Card__c", "Capture__c"}


def test_a_target_is_named_by_a_field() -> None:
    ask = {"operation": "capture_payment", "fields": {"payment_intent_id": "Intent__c"}}
    assert request_of(rule(ask=ask), WON | {"Intent__c": "pi_1"}, "acme", user=None).target_id == "pi_1"


def verified(installation: Installation, *rules: dict[str, Any]) -> None:
    org = installation.orgs["main"].model_copy(update={"changes": tuple(rule(**one) for one in rules)})
    verify_changes(installation.model_copy(update={"orgs": {"main": org}}))


def test_what_cannot_be_asked_is_refused_before_a_start(installation: Installation) -> None:
    verified(installation, {}, {"ask": {**ASK, "fields": {"payment_method_id": "Card__c"}}})
    with pytest.raises(ConfigurationError) as refused:
        verified(
            installation,
            {"ask": {"operation": "fly"}},
            {"ask": {"operation": "create_payment"}},
            {"ask": {**ASK, "fields": {"colour": "Colour__c"}}},
            {"ask": {"operation": "create_payment", "arguments": {"method": "cash"}}},
        )
    faults = [refused.value, *refused.value.others]
    assert [one.field for one in faults] == [
        "orgs.main.changes.0.ask.operation",
        "orgs.main.changes.1.ask.method",
        "orgs.main.changes.2.ask.colour",
        "orgs.main.changes.3.ask.method",
    ]


def test_the_day_begins_in_utc() -> None:
    assert rule().begins_at == datetime(2026, 11, 2, tzinfo=UTC)
