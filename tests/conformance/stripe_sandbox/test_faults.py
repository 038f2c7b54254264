"""Faults of the API and what a client makes of them."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running

CUSTOMERS = {"method": "POST", "path": "/v1/customers"}


def test_statuses_and_the_word_about_retrying(sandbox: Running) -> None:
    for status, should_retry in ((429, "true"), (429, "false"), (409, "true"), (500, "false"), (503, None)):
        more = {"should_retry": should_retry} if should_retry else {}
        sandbox.fault(**CUSTOMERS, fault="status", status=status, **more)
        answer = sandbox.http.post("/v1/customers")
        assert (answer.status_code, answer.headers.get("stripe-should-retry")) == (status, should_retry)
    assert sandbox.http.get("/v1/customers").json()["data"] == []
    assert sandbox.http.post("/v1/customers").status_code == 200


def test_a_fault_names_its_request(sandbox: Running) -> None:
    customer = sandbox.http.post("/v1/customers").json()["id"]
    sandbox.fault(method="GET", path="/v1/customers/{customer}", fault="status", status=500, times=2)
    assert sandbox.http.get("/v1/customers").status_code == 200
    assert [sandbox.http.get(f"/v1/customers/{customer}").status_code for _ in range(3)] == [500, 500, 200]
    sandbox.fault(method="GET", path="/v1/customers*", fault="status", status=500, times=-1)
    assert [sandbox.http.get("/v1/customers").status_code for _ in range(3)] == [500] * 3
    sandbox.ask("/stripe/faults", method="DELETE")
    assert sandbox.http.get("/v1/customers").status_code == 200


def test_a_cut_body_is_no_json(sandbox: Running) -> None:
    sandbox.fault(**CUSTOMERS, fault="truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.http.post("/v1/customers")
    assert len(sandbox.http.get("/v1/customers").json()["data"]) == 1


@pytest.mark.parametrize(("after", "made"), [(False, 0), (True, 1)])
@pytest.mark.parametrize("fault", ["disconnect", "hang"])
def test_no_answer_before_or_after_the_effect(sandbox: Running, fault: str, after: bool, made: int) -> None:
    sandbox.fault(**CUSTOMERS, fault=fault, after_effect=after, ms=50)
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.http.post("/v1/customers")
    assert len(sandbox.http.get("/v1/customers").json()["data"]) == made


def test_delay(sandbox: Running) -> None:
    sandbox.fault(**CUSTOMERS, fault="delay", ms=150)
    before = time.monotonic()
    assert sandbox.http.post("/v1/customers").status_code == 200
    assert time.monotonic() - before >= 0.15


def test_what_is_held_is_answered_when_it_is_cleared_and_nothing_else_waits(sandbox: Running) -> None:
    customer = sandbox.http.post("/v1/customers").json()["id"]
    sandbox.fault(method="GET", path=f"/v1/customers/{customer}", fault="hold", times=-1)
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(sandbox.http.get, f"/v1/customers/{customer}")
        assert sandbox.http.post("/v1/customers").status_code == 200
        assert not held.done()
        sandbox.ask("/stripe/faults", method="DELETE")
        assert held.result(30).json()["id"] == customer


def test_stripe_python_retries_what_was_cut_off_without_a_second_effect(sandbox: Running) -> None:
    client = stripe.StripeClient(sandbox.sandbox.secret_key, base_addresses={"api": sandbox.url}, max_network_retries=2)
    sandbox.fault(**CUSTOMERS, fault="disconnect", after_effect=True)
    client.v1.customers.create({"name": "once"})
    assert len(client.v1.customers.list().data) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "earthquake"},
        {"fault": "status"},
        {"fault": "status", "status": 429, "after_effect": True},
        {"fault": "delay", "ms": "long"},
        {"fault": "hold"},
    ],
)
def test_faults_that_make_no_sense_are_refused(sandbox: Running, fault: dict[str, object]) -> None:
    assert sandbox.control.post("/stripe/faults", json=fault).status_code == 400


@pytest.mark.parametrize("settings", [{"speed": 1}, {"latency_ms": -1}, {"webhook_retry_schedule_ms": 5}])
def test_settings_that_make_no_sense_are_refused(sandbox: Running, settings: dict[str, object]) -> None:
    assert sandbox.control.post("/stripe/settings", json=settings).status_code == 400
