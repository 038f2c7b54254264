"""Every error of Salesforce becomes one of ours; the code decides, and its text only where the code does not tell."""

from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from simple_salesforce.exceptions import SalesforceGeneralError

from service.clients.salesforce._errors import classify, translate
from service.errors import VendorDenied, VendorError, VendorRejected, VendorUnavailable

LOCK = "UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or 1 records: 006000000000001AAA"


@pytest.mark.parametrize(
    ("code", "message", "kind", "reason"),
    [
        ("UNABLE_TO_LOCK_ROW", LOCK, VendorUnavailable, "SALESFORCE_LOCKED"),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"Trigger: {LOCK}", VendorUnavailable, "SALESFORCE_LOCKED"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", f"flow failed: {LOCK}", VendorUnavailable, "SALESFORCE_LOCKED"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "flow failed: no Account", VendorRejected, "SALESFORCE_REJECTED"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Close date is missing", VendorRejected, "SALESFORCE_REJECTED"),
        ("SERVER_UNAVAILABLE", "", VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", "", VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        ("A_CODE_OF_NEXT_YEAR", "", VendorUnavailable, "SALESFORCE_UNAVAILABLE"),
        ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", VendorUnavailable, "SALESFORCE_LIMIT"),
        ("STORAGE_LIMIT_EXCEEDED", "", VendorDenied, "SALESFORCE_LIMIT"),
        ("INVALID_SESSION_ID", "Session expired or invalid", VendorDenied, "SALESFORCE_DENIED"),
        ("INSUFFICIENT_ACCESS_OR_READONLY", "", VendorDenied, "SALESFORCE_DENIED"),
        ("INVALID_FIELD", "No such column 'X__c'", VendorRejected, "SALESFORCE_REJECTED"),
        ("INVALID_FIELD", "Foreign key external ID: ch_1 not found", VendorRejected, "SALESFORCE_NOT_FOUND"),
        ("NOT_FOUND", "", VendorRejected, "SALESFORCE_NOT_FOUND"),
        ("ENTITY_IS_DELETED", "", VendorRejected, "SALESFORCE_NOT_FOUND"),
    ],
)
def test_the_table(code: str, message: str, kind: type[VendorError], reason: str) -> None:
    for body in ([{"statusCode": code, "message": message, "fields": []}], [{"errorCode": code, "message": message}]):
        found = classify(body)
        assert type(found) is kind
        assert (found.reason, found.code) == (reason, code)


def test_the_two_request_limits_are_told_apart() -> None:
    concurrent = classify([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "ConcurrentRequests Limit exceeded."}])
    daily = classify([{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}])
    assert (concurrent.retry_after, daily.retry_after) == (timedelta(seconds=5), timedelta(minutes=15))


def test_a_race_on_the_external_id_passes_another_duplicate_stays() -> None:
    def duplicate(message: str) -> VendorError:
        return classify([{"statusCode": "DUPLICATE_VALUE", "message": message}], key_field="Stripe_Id__c")

    assert duplicate("duplicate value found: Stripe_Id__c duplicates value on record with id: a0x").retryable
    assert duplicate("Duplicate external id specified: pi_1").retryable
    assert not duplicate("duplicate value found: Tax_Id__c duplicates value on record with id: a0x").retryable


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (300, "SALESFORCE_REJECTED"),
        (401, "SALESFORCE_DENIED"),
        (403, "SALESFORCE_DENIED"),
        (404, "SALESFORCE_NOT_FOUND"),
        (500, "SALESFORCE_UNAVAILABLE"),
        (503, "SALESFORCE_UNAVAILABLE"),
        (302, "SALESFORCE_UNAVAILABLE"),
        (418, "SALESFORCE_UNAVAILABLE"),
    ],
)
def test_a_body_without_a_code_leaves_the_status(status: int, reason: str) -> None:
    assert classify("<html>down for maintenance</html>", status=status).reason == reason


def test_libraries_errors_lose_their_text() -> None:
    body: Any = [{"errorCode": "STRING_TOO_LONG", "message": "Description: jane.doe@example.com"}]
    rejected = translate(SalesforceGeneralError("https://x/jane", 400, "Contact", body))
    assert isinstance(rejected, VendorRejected)
    assert "jane" not in str(rejected)
    lost = translate(requests.ConnectionError("https://x/?q=jane"))
    assert isinstance(lost, VendorUnavailable)
    assert "jane" not in str(lost)
    assert translate(KeyError("Amount")) is None


@given(
    body=st.recursive(
        st.none() | st.text(max_size=9) | st.integers(),
        lambda x: st.lists(x, max_size=2) | st.dictionaries(st.sampled_from(["statusCode", "errorCode", "message"]), x),
    )
)
def test_any_body_becomes_one_of_our_errors(body: Any) -> None:
    assert isinstance(classify(body, status=400, key_field="Stripe_Id__c"), VendorError)
