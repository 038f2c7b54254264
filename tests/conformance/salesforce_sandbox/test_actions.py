from typing import Any

import pytest

from tests.conformance.salesforce_sandbox.rest import Rest
from tests.support.sandbox import RunningSandbox

ACTION = "/actions/standard/customNotificationAction"
TASKS = "/composite/sobjects/Task/Counterfoil_Key__c"


def given(rest: Rest, **changes: Any) -> dict[str, Any]:
    [kind] = rest.rows("SELECT Id FROM CustomNotificationType WHERE DeveloperName = 'Counterfoil_Payment_Alert'")
    [user] = rest.rows("SELECT Id FROM User LIMIT 1")
    target = rest.rows("SELECT Id FROM Account LIMIT 1")[0]["Id"]
    whole = {
        "customNotifTypeId": kind["Id"],
        "recipientIds": [user["Id"]],
        "title": "T",
        "body": "B",
        "targetId": target,
    }
    return whole | changes


def test_a_notification_is_sent_and_kept_for_the_control_plane(rest: Rest, org: RunningSandbox) -> None:
    asked = given(rest)
    answer = rest.post(ACTION, json={"inputs": [asked]})
    assert (answer.status_code, [one["isSuccess"] for one in answer.json()]) == (200, [True])
    assert org.control("GET", "/salesforce/notifications")["notifications"] == [asked]


@pytest.mark.parametrize(
    "changes",
    [
        {"customNotifTypeId": "0ML000000000000AAA"},
        {"recipientIds": []},
        {"recipientIds": ["nobody"]},
        {"title": "x" * 251},
        {"body": ""},
        {"targetId": None},
    ],
)
def test_a_wrong_input_fails_alone(rest: Rest, changes: dict[str, Any]) -> None:
    answer = rest.post(ACTION, json={"inputs": [given(rest), given(rest, **changes)]})
    assert answer.status_code == 400
    assert [one["isSuccess"] for one in answer.json()] == [True, False]
    assert answer.json()[1]["errors"][0]["statusCode"] == "INVALID_INPUT"


def test_a_task_is_found_by_its_key(rest: Rest) -> None:
    body = {"records": [{"attributes": {"type": "Task"}, "Counterfoil_Key__c": "pi_1_1_rule", "Subject": "Call"}]}
    assert [rest.patch(TASKS, json=body).json()[0]["created"] for _ in range(2)] == [True, False]
