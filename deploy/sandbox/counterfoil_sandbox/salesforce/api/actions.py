"""Standard invocable actions: sending custom notifications.

After "Custom Notification Actions" of the Actions Developer Guide: each input has its own result, and the call answers
400 when any of them failed.
"""

from collections.abc import Iterator
from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError
from counterfoil_sandbox.salesforce.ids import to_18
from counterfoil_sandbox.salesforce.org import Org

MAX_RECIPIENTS = 500
_LENGTHS = {"title": 250, "body": 750}
_ACTION = "customNotificationAction"


def send_notifications(org: Org, call: Call) -> Answer:
    """``POST /actions/standard/customNotificationAction``."""
    inputs = call.record().get("inputs")
    if not isinstance(inputs, list) or not inputs or not all(isinstance(one, dict) for one in inputs):
        raise ApiError("JSON_PARSER_ERROR", "inputs must be an array of objects")
    results = [_send(org, one) for one in inputs]
    return Answer(200 if all(result["isSuccess"] for result in results) else 400, results)


def _send(org: Org, given: dict[str, Any]) -> dict[str, Any]:
    fault = _fault(org, given)
    if fault is None:
        org.notifications.append(dict(given))
    errors = None if fault is None else [{"statusCode": "INVALID_INPUT", "message": fault, "fields": []}]
    values = {"SuccessMessage": "Your custom notification is processed successfully."} if fault is None else None
    return {"actionName": _ACTION, "errors": errors, "isSuccess": fault is None, "outputValues": values, "version": 1}


def _fault(org: Org, given: dict[str, Any]) -> str | None:
    return next(_faults(org, given), None)


def _faults(org: Org, given: dict[str, Any]) -> Iterator[str]:
    recipients = given.get("recipientIds")
    if given.get("customNotifTypeId") not in org.store.table("CustomNotificationType").rows:
        yield "Missing or invalid parameter: customNotifTypeId"
    if not isinstance(recipients, list) or not 1 <= len(recipients) <= MAX_RECIPIENTS:
        yield f"recipientIds needs 1 to {MAX_RECIPIENTS} ids"
    elif any(to_18(str(recipient)) is None for recipient in recipients):
        yield "recipientIds has a malformed id"
    for name, length in _LENGTHS.items():
        if not isinstance(given.get(name), str) or not 1 <= len(given[name]) <= length:
            yield f"{name} needs 1 to {length} characters"
    if not given.get("targetId") and not given.get("targetPageRef"):
        yield "Either targetId or targetPageRef is needed"
    if given.get("targetId") and to_18(str(given["targetId"])) is None:
        yield "targetId is malformed"
