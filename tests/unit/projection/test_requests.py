"""Payment_Request__c: every request is a record, from what the ledger shows of it; unknown words are carried."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from service.commands import CommandState
from service.domain import DesiredRecord, Reference
from service.mirror import MirrorRow
from service.projection._records import records
from service.projection._requests import _APPROVAL, _STATUS
from service.projection._status import RequestApproval, RequestStatus
from tests.support.salesforce_metadata import SOURCE, Package

RECORD = "006000000000001AAA"


def row(kind: str, key: str, parent: str | None = None, record: str | None = RECORD, **body: Any) -> MirrorRow:
    known: dict[str, Any] = {
        "entity": "acme",
        "object_id": key,
        "object_type": kind,
        "body": {"id": key, "currency": "usd"} | body,
        "parent_id": parent,
        "record_id": record,
        "created_at": datetime(2026, 11, 23, tzinfo=UTC),
        "deleted": False,
        "version": 1,
    }
    return MirrorRow(**{field.name: None for field in fields(MirrorRow)} | known)


def requests(*rows: MirrorRow) -> dict[str, DesiredRecord]:
    return {one.key: one for one in records(rows, org="main") if one.sobject == "Payment_Request__c"}


def test_a_request_is_a_record_before_stripe_knows_of_it() -> None:
    asked = row("counterfoil.request", "cmd_1", state="ACCEPTED", operation="create_payment", requested_by="005A")
    [record] = requests(asked).values()
    assert (record.key_field, record.key, record.parent) == ("Request_Id__c", "cmd_1", None)
    wanted = {"Status__c": "Under_Way", "Opportunity__c": RECORD, "Order__c": None, "Payment__c": None}
    assert record.fields.items() >= (wanted | {"Requested_By__c": "005A", "Approval__c": "Not_Needed"}).items()


def test_requests_look_up_the_payment_they_are_about() -> None:
    rows = (
        row("counterfoil.request", "cmd_1", state="SUCCEEDED", amount_minor=1250, account_id="001A"),
        row("payment_intent", "pi_1", "cmd_1", status="succeeded", amount=1250, created=1),
        row("counterfoil.operation", "cmd_2", "pi_1", state="SUCCEEDED", operation="refund_payment", amount_minor=50),
    )
    found = requests(*rows)
    payment = Reference("Payment__c", "Stripe_Id__c", "pi_1")
    assert {key: (one.fields["Payment__c"], one.parent) for key, one in found.items()} == {
        "cmd_1": (payment, payment),
        "cmd_2": (payment, payment),
    }
    assert (found["cmd_1"].fields["Amount__c"], found["cmd_2"].fields["Amount__c"]) == (
        Decimal("12.50"),
        Decimal("0.50"),
    )
    assert found["cmd_1"].fields["Account__c"] == "001A"


def test_a_request_about_an_invoice_looks_it_up() -> None:
    rows = (
        row("invoice", "in_1", status="open", created=1),
        row("counterfoil.operation", "cmd_1", "in_1", None, state="SUCCEEDED", operation="void_invoice"),
    )
    record = requests(*rows)["cmd_1"]
    assert record.fields["Invoice__c"] == Reference("Invoice__c", "Stripe_Id__c", "in_1")
    assert record.fields["Payment__c"] is None


def test_a_record_that_does_not_exist_is_named_and_not_looked_up() -> None:
    refused = row("counterfoil.request", "cmd_1", state="REFUSED", reason="RECORD_NOT_FOUND", message="no such record")
    fields_ = requests(refused)["cmd_1"].fields
    assert (fields_["Record_Id__c"], fields_["Opportunity__c"], fields_["Error__c"]) == (RECORD, None, "no such record")


def test_a_conflict_is_told_before_anything_else() -> None:
    asked = row("counterfoil.request", "cmd_1", state="DECLINED", conflict="for 1 and now for 2", failure_message="no")
    fields_ = requests(asked)["cmd_1"].fields
    assert (fields_["Conflict__c"], fields_["Error__c"]) == (True, "for 1 and now for 2")


@pytest.mark.parametrize("state", CommandState)
def test_every_state_has_its_word(state: CommandState) -> None:
    assert _STATUS[state.value] is not RequestStatus.UNKNOWN


def test_words_of_later_versions_are_carried() -> None:
    fields_ = requests(row("counterfoil.operation", "cmd_1", state="MUSED", approval="PONDERED"))["cmd_1"].fields
    assert (fields_["Status__c"], fields_["Approval__c"]) == ("Unknown", "Unknown")


def test_the_package_offers_every_word() -> None:
    sets = Package(SOURCE).value_sets
    assert (
        sets["Request_Status"]
        == {word.value for word in RequestStatus}
        == {
            *(word.value for word in _STATUS.values()),
            "Unknown",
        }
    )
    assert (
        sets["Request_Approval"]
        == {word.value for word in RequestApproval}
        == {
            *(word.value for word in _APPROVAL.values()),
            "Unknown",
        }
    )
