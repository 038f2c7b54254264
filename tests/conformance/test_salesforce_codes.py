"""Every error code Salesforce documents has one meaning here; the table names none that does not exist."""

import os
from pathlib import Path

import pytest

from service.clients.salesforce._errors import _BY_CODE, classify
from service.errors import VendorDenied, VendorRejected, VendorUnavailable
from tests.support.sandbox import REPOSITORY

# Exception codes of the API, which the enumeration of record errors does not hold.
OUTSIDE = """SERVER_UNAVAILABLE API_CURRENTLY_DISABLED API_DISABLED_FOR_ORG INVALID_LOGIN JSON_PARSER_ERROR
    MALFORMED_QUERY INVALID_OPERATION_WITH_EXPIRED_PASSWORD INVALID_NUMBER INVALID_DATE_FORMAT INVALID_BATCH_SIZE
    UNSUPPORTED_API_VERSION BATCH_PROCESSING_HALTED EXCEEDED_ID_LIMIT"""
PASSING = """UNABLE_TO_LOCK_ROW SERVER_UNAVAILABLE QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG UNKNOWN_EXCEPTION
    PLATFORM_EVENT_PUBLISHING_UNAVAILABLE ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED"""
FOR_GOOD = """INVALID_FIELD INVALID_TYPE INVALID_FIELD_FOR_INSERT_UPDATE REQUIRED_FIELD_MISSING STRING_TOO_LONG
    NUMBER_OUTSIDE_VALID_RANGE MALFORMED_ID INVALID_ID_FIELD JSON_PARSER_ERROR INVALID_CROSS_REFERENCE_KEY
    ENTITY_IS_DELETED INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST INVALID_CURRENCY_ISO FIELD_INTEGRITY_EXCEPTION NOT_FOUND
    FIELD_CUSTOM_VALIDATION_EXCEPTION FIELD_FILTER_VALIDATION_EXCEPTION CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY
    CANNOT_EXECUTE_FLOW_TRIGGER ENTITY_IS_LOCKED DUPLICATES_DETECTED INACTIVE_OWNER_OR_USER DUPLICATE_EXTERNAL_ID"""
FOR_A_PERSON = """INSUFFICIENT_ACCESS_OR_READONLY INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY STORAGE_LIMIT_EXCEEDED
    LIMIT_EXCEEDED API_DISABLED_FOR_ORG INVALID_SESSION_ID"""


@pytest.fixture(scope="module")
def documented() -> set[str]:
    root = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", REPOSITORY.parent / "shared" / "data"))
    file = root / "salesforce" / "StatusCode-enum-from-metadata-wsdl.txt"
    if not file.exists():
        pytest.skip(f"the vendor's list is not at {root} (COUNTERFOIL_VENDOR_DATA)")
    return set(file.read_text().split())


def test_the_table_names_codes_that_exist(documented: set[str]) -> None:
    assert set(_BY_CODE) - documented == set(OUTSIDE.split())


def test_every_documented_code_has_exactly_one_meaning(documented: set[str]) -> None:
    assert len(documented) > 500
    for code in documented:
        error = classify([{"statusCode": code, "message": "", "fields": []}])
        assert isinstance(error, VendorUnavailable | VendorDenied | VendorRejected)
        assert error.code == code
        # What the table does not name is tried again, a limited number of times, and then put aside.
        assert error.retryable or code in _BY_CODE


@pytest.mark.parametrize(
    ("codes", "kind"), [(PASSING, VendorUnavailable), (FOR_GOOD, VendorRejected), (FOR_A_PERSON, VendorDenied)]
)
def test_the_classes(codes: str, kind: type[Exception]) -> None:
    for code in codes.split():
        assert isinstance(classify([{"statusCode": code, "message": ""}]), kind), code
