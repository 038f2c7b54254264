"""What each of Salesforce's errors means for us: one table, closed by default.

Whatever the table does not know is VendorUnavailable: tried again up to the caller's limit, then put aside with a
reference. Salesforce's own message is read for the few cases where the code does not tell, and never passed on, since
it quotes field values. Source: "Status Codes and Error Responses" of the REST API Developer Guide and the core data
types used in API calls (StatusCode).
"""

from datetime import timedelta
from typing import Any, NamedTuple

import requests
from simple_salesforce.exceptions import SalesforceError

from service.errors import VendorDenied, VendorError, VendorRejected, VendorUnavailable
from service.redaction import told

UNAVAILABLE = "SALESFORCE_UNAVAILABLE"
LOCKED = "SALESFORCE_LOCKED"
LIMIT = "SALESFORCE_LIMIT"
DENIED = "SALESFORCE_DENIED"
REJECTED = "SALESFORCE_REJECTED"
NOT_FOUND = "SALESFORCE_NOT_FOUND"

EXPIRED_SESSION = "INVALID_SESSION_ID"
# Too many long calls at this moment pass within seconds; a spent daily allowance frees itself over hours.
CONCURRENT_RETRY_AFTER = timedelta(seconds=5)
DAILY_RETRY_AFTER = timedelta(minutes=15)
# The code of a call refused as a whole because the org's day is spent; Salesforce uses one word for both limits.
REQUEST_LIMIT = "REQUEST_LIMIT_EXCEEDED"
MAX_CODE_CHARACTERS = 100


class _Meaning(NamedTuple):
    kind: type[VendorError]
    reason: str
    text: str
    retry_after: timedelta | None = None


_DEFAULT = _Meaning(VendorUnavailable, UNAVAILABLE, "Salesforce did not answer as expected")
_LOCKED = _Meaning(VendorUnavailable, LOCKED, "another writer holds the record or its parent")
_CONCURRENT = _Meaning(VendorUnavailable, LIMIT, "too many long calls are running in the org", CONCURRENT_RETRY_AFTER)
_DAILY = _Meaning(VendorUnavailable, LIMIT, "the org's API requests of 24 hours are spent", DAILY_RETRY_AFTER)
_DENIED = _Meaning(VendorDenied, DENIED, "the integration user lacks access")
_FULL = _Meaning(VendorDenied, LIMIT, "the org has reached a limit that a person must raise")
_REJECTED = _Meaning(VendorRejected, REJECTED, "Salesforce refused the values")
_RULE = _Meaning(VendorRejected, REJECTED, "a rule or automation of the org refused the record")
_MISSING = _Meaning(VendorRejected, NOT_FOUND, "the record, or one it refers to, does not exist")

_COLLATERAL = _Meaning(
    VendorUnavailable, UNAVAILABLE, "another record of the same call failed, and took this one along"
)

_CODES: dict[_Meaning, str] = {
    _DEFAULT: """SERVER_UNAVAILABLE SERVICE_UNAVAILABLE QUERY_TIMEOUT REQUEST_RUNNING_TOO_LONG UNKNOWN_EXCEPTION
        API_CURRENTLY_DISABLED INTERNAL_ERROR BAD_GATEWAY INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE
        PLATFORM_EVENT_PUBLISHING_UNAVAILABLE TOO_MANY_APEX_REQUESTS TERRITORY_REALIGN_IN_PROGRESS""",
    _COLLATERAL: """ALL_OR_NONE_OPERATION_ROLLED_BACK PROCESSING_HALTED BATCH_PROCESSING_HALTED
        FAILED_DUE_TO_OTHER_INPUTS""",
    _LOCKED: "UNABLE_TO_LOCK_ROW UNABLE_TO_LOCK_RECORD RECORD_IN_USE_BY_WORKFLOW COLLISION_DETECTED",
    _DENIED: """INVALID_SESSION_ID INSUFFICIENT_ACCESS INSUFFICIENT_ACCESS_OR_READONLY INVALID_LOGIN
        INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY API_DISABLED_FOR_ORG FUNCTIONALITY_NOT_ENABLED
        INVALID_OPERATION_WITH_EXPIRED_PASSWORD FORBIDDEN_EXCEPTION UNAUTHORIZED_EXCEPTION TXN_SECURITY_NO_ACCESS
        APEX_DATA_ACCESS_RESTRICTION INVALID_READ_ONLY_USER_DML GUEST_INSUFFICIENT_ACCESS PACKAGE_DISABLED
        PACKAGE_LICENSE_REQUIRED REQUIRED_FEATURE_MISSING""",
    _FULL: "STORAGE_LIMIT_EXCEEDED LIMIT_EXCEEDED MAX_LIMIT_EXCEEDED LICENSE_LIMIT_EXCEEDED",
    _REJECTED: """INVALID_FIELD INVALID_TYPE INVALID_FIELD_FOR_INSERT_UPDATE REQUIRED_FIELD_MISSING STRING_TOO_LONG
        NUMBER_OUTSIDE_VALID_RANGE MALFORMED_ID INVALID_ID_FIELD JSON_PARSER_ERROR MALFORMED_QUERY INVALID_QUERY_LOCATOR
        INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST INVALID_CURRENCY_ISO FIELD_INTEGRITY_EXCEPTION DUPLICATE_VALUE
        DUPLICATE_EXTERNAL_ID MISSING_ARGUMENT INVALID_NUMBER INVALID_DATE_FORMAT INVALID_EMAIL_ADDRESS
        METHOD_NOT_ALLOWED BAD_REQUEST INVALID_BATCH_SIZE UNSUPPORTED_API_VERSION INVALID_ENTITY_FOR_UPSERT
        INVALID_EXTERNAL_ID_FIELD_NAME INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD INVALID_ARGUMENT_TYPE INVALID_INPUT
        INVALID_INPUT_FORMAT INVALID_TYPE_ON_FIELD_IN_RECORD INVALID_TYPE_FOR_OPERATION INVALID_RECORD_TYPE
        INVALID_TEXT_REPRESENTATION TEXT_DATA_OUTSIDE_SUPPORTED_CHARSET DATE_OUT_OF_RANGE MISMATCHING_TYPES
        FIELD_NOT_UPDATABLE FIELD_MAPPING_ERROR MIXED_DML_OPERATION RECORD_MISSING_REQUIRED_FIELD
        DATA_TYPE_NOT_SUPPORTED EXCEEDED_ID_LIMIT""",
    _RULE: """FIELD_CUSTOM_VALIDATION_EXCEPTION FIELD_FILTER_VALIDATION_EXCEPTION CANNOT_EXECUTE_FLOW_TRIGGER
        CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY ENTITY_IS_LOCKED DUPLICATES_DETECTED INACTIVE_OWNER_OR_USER
        CIRCULAR_DEPENDENCY TRANSFER_REQUIRES_READ INVALID_STATUS ENTITY_IS_ARCHIVED RECORD_LOCKED APEX_FAILED
        CUSTOM_APEX_ERROR FLOW_EXCEPTION MAX_DEPTH_IN_FLOW_EXECUTION SELF_REFERENCE_FROM_FLOW
        SELF_REFERENCE_FROM_TRIGGER RELATED_ENTITY_FILTER_VALIDATION_EXCEPTION ENTITY_SAVE_VALIDATION_ERROR
        FIELD_MODERATION_RULE_BLOCK DELETE_FAILED INVALID_OWNER MANAGER_NOT_DEFINED""",
    _MISSING: "NOT_FOUND ENTITY_IS_DELETED INVALID_CROSS_REFERENCE_KEY RECORD_NOT_FOUND MISSING_RECORD",
}
_BY_CODE = {code: meaning for meaning, codes in _CODES.items() for code in codes.split()}
_BY_STATUS = {300: _REJECTED, 401: _DENIED, 403: _DENIED, 404: _MISSING}

# These wrap whatever a trigger or flow raised; only their text tells a lock that passes from a rule that stays.
_WRAPPERS = frozenset(
    {"CANNOT_EXECUTE_FLOW_TRIGGER", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
)
_LOCK_TEXTS = ("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access")


def _meaning(code: str, message: str, status: int | None, key_field: str | None) -> _Meaning:
    if code in _WRAPPERS and any(text in message for text in _LOCK_TEXTS):
        return _LOCKED
    if code == REQUEST_LIMIT:
        return _CONCURRENT if "oncurrent" in message else _DAILY
    if code == "INVALID_FIELD" and message.startswith("Foreign key external ID"):
        return _MISSING
    if code == "DUPLICATE_VALUE" and key_field and (key_field in message or "Duplicate external id" in message):
        # Two writers created the same record at once: the next upsert finds it and updates it. Once is enough.
        return _LOCKED
    if code in _BY_CODE:
        return _BY_CODE[code]
    return _DEFAULT if code else _BY_STATUS.get(status or 0, _DEFAULT)


def _first(content: object) -> tuple[str, str]:
    """Return code and message of the first error in a body: a list of objects, or one object."""
    entry: Any = content[0] if isinstance(content, list) and content else content
    if not isinstance(entry, dict):
        return "", ""
    code = entry.get("statusCode") or entry.get("errorCode") or ""
    return told(str(code))[:MAX_CODE_CHARACTERS], str(entry.get("message") or "")


def classify(errors: object, *, status: int | None = None, key_field: str | None = None) -> VendorError:
    """Return our error for an error body of Salesforce, or for the `errors` of one record.

    Args:
        errors: the decoded body; anything at all.
        status: the HTTP status, when the whole call failed.
        key_field: the external id an upsert went by: a race on it is no fault of the data.
    """
    code, message = _first(errors)
    meaning = _meaning(code, message, status, key_field)
    what = code or (f"HTTP {status}" if status else "no code")
    return meaning.kind(
        f"{meaning.text} ({what})",
        vendor="salesforce",
        code=code or None,
        reason=meaning.reason,
        retry_after=meaning.retry_after,
    )


def unreadable(what: str) -> VendorUnavailable:
    """Return the error for an answer that does not have the documented shape: the outcome is unknown."""
    return VendorUnavailable(f"Salesforce's answer is not readable ({what})", vendor="salesforce", reason=UNAVAILABLE)


def translate(error: Exception) -> VendorError | None:
    """Return our error for what simple-salesforce or requests raised; None if it comes from neither."""
    if isinstance(error, VendorError):
        return error
    if isinstance(error, SalesforceError):
        return classify(error.content, status=error.status)
    if isinstance(error, requests.RequestException):
        text = f"Salesforce cannot be reached ({type(error).__name__})"
        return VendorUnavailable(text, vendor="salesforce", reason=UNAVAILABLE)
    return None
