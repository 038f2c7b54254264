import time
from typing import Any

import httpx
import pytest

from tests.conformance.salesforce_sandbox.rest import DATA, Rest, refused, sample
from tests.support.sandbox import RunningSandbox

UPSERT = "/composite/sobjects/Payment__c/Stripe_Id__c"


def fault(org: RunningSandbox, kind: str, **options: Any) -> None:
    org.control("POST", "/salesforce/faults", {"fault": kind, **options})


def records(*ids: str) -> dict[str, Any]:
    return {"records": [{"attributes": {"type": "Payment__c"}, "Stripe_Id__c": key} for key in ids]}


def requests(org: RunningSandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = org.control("GET", "/salesforce/requests")["requests"]
    return [entry for entry in found if entry["path"].startswith(DATA)]


def test_row_lock_in_collections(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "row_lock", method="PATCH", path_prefix=f"{DATA}/composite", sobject="Payment__c", values=["pi_2"])
    results = rest.patch(UPSERT, json=records("pi_1", "pi_2")).json()
    assert [result["success"] for result in results] == [True, False]
    assert results[1]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert all(result["success"] for result in rest.patch(UPSERT, json=records("pi_1", "pi_2")).json())


def test_row_lock_on_one_record(org: RunningSandbox, rest: Rest) -> None:
    account = rest.one("SELECT Id FROM Account LIMIT 1")["Id"]
    fault(org, "row_lock", sobject="Account")
    error = refused(rest.patch(f"/sobjects/Account/{account}", json={"Site": "x"}), 400, "UNABLE_TO_LOCK_ROW")
    assert set(error) == set(sample("errors", "400_lock", "0"))
    assert error["message"].endswith(account)
    assert rest.patch(f"/sobjects/Account/{account}", json={"Site": "x"}).status_code == 204


def test_request_limit_and_server_errors(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "request_limit", times=2)
    for _ in range(2):
        answer = rest.get("/limits")
        assert (answer.status_code, answer.json()) == (403, sample("errors", "403_limit"))
    fault(org, "status", status=503)
    refused(rest.get("/limits"), 503, "SERVER_UNAVAILABLE")
    assert rest.get("/limits").status_code == 200


def test_expired_token(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "expired_token", path_prefix=f"{DATA}/sobjects")
    assert rest.get("/limits").status_code == 200
    for _ in range(2):
        refused(rest.get("/sobjects/Account"), 401, "INVALID_SESSION_ID")
    with Rest.sign_in(org.info["salesforce"]) as renewed:
        assert renewed.get("/sobjects/Account").status_code == 200


@pytest.mark.parametrize(("kind", "written"), [("disconnect", 0), ("after_effect_disconnect", 1)])
@pytest.mark.parametrize("secure", [False, True])
def test_disconnect(org: RunningSandbox, kind: str, written: int, secure: bool) -> None:
    fault(org, kind, method="POST", path_prefix=f"{DATA}/sobjects")
    with Rest.sign_in(org.info["salesforce"], secure=secure) as rest:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            rest.post("/sobjects/Payment__c", json={"Stripe_Id__c": "pi_1"})
        assert rest.soql("SELECT COUNT() FROM Payment__c")["totalSize"] == written
    struck = requests(org)[0]
    assert (struck["fault"], struck["status"], struck["effect"]) == (kind, None, written == 1)


def test_effect_and_then_an_error(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "status", status=500, after_effect=True, method="POST")
    refused(rest.post("/sobjects/Payment__c", json={"Stripe_Id__c": "pi_1"}), 500, "UNKNOWN_EXCEPTION")
    assert rest.soql("SELECT COUNT() FROM Payment__c")["totalSize"] == 1


def test_delay(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "delay", ms=300)
    started = time.monotonic()
    assert rest.get("/limits").status_code == 200
    assert time.monotonic() - started >= 0.3


def test_faults_on_sign_in_have_the_shape_of_oauth(org: RunningSandbox) -> None:
    info = org.info["salesforce"]
    fault(org, "status", status=503, path_prefix="/services/oauth2/token")
    answer = httpx.post(f"{info['http_url']}/services/oauth2/token", data={"grant_type": "client_credentials"})
    assert (answer.status_code, set(answer.json())) == (503, {"error", "error_description"})


def test_requests_are_recorded_and_faults_cleared(org: RunningSandbox, rest: Rest) -> None:
    fault(org, "status", status=503, times=-1)
    org.control("DELETE", "/salesforce/faults")
    headers = {"Sforce-Call-Options": "client=Counterfoil"}
    rest.patch(UPSERT, json=records("pi_1", "pi_2"), headers=headers).raise_for_status()
    (entry,) = requests(org)
    expected = {"method": "PATCH", "path": DATA + UPSERT, "status": 200, "client": "Counterfoil", "records": 2}
    assert expected.items() <= entry.items()
    assert "Bearer" not in str(entry)
    with pytest.raises(httpx.HTTPStatusError):
        fault(org, "nonsense")
