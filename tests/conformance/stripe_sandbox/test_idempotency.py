"""Idempotency keys as docs.stripe.com/api/idempotent_requests describes them, over HTTP and stripe-python."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running, poll

INTENT = {"amount": "700", "currency": "usd"}
PAID = {**INTENT, "payment_method": "pm_card_visa", "confirm": "true", "off_session": "true"}


def post(sandbox: Running, path: str, data: dict[str, Any], key: str) -> httpx.Response:
    return sandbox.http.post(path, data=data, headers={"Idempotency-Key": key})


def count(sandbox: Running) -> int:
    return len(sandbox.http.get("/v1/payment_intents", params={"limit": 100}).json()["data"])


def test_a_success_is_replayed(sandbox: Running) -> None:
    first, second = (post(sandbox, "/v1/payment_intents", PAID, "k") for _ in range(2))
    assert first.content == second.content
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["original-request"] == first.headers["request-id"] != second.headers["request-id"]
    assert first.headers["idempotency-key"] == "k"
    assert count(sandbox) == 1


def test_a_decline_is_replayed(sandbox: Running) -> None:
    declined = {**PAID, "payment_method": "pm_card_chargeDeclined"}
    first, second = (post(sandbox, "/v1/payment_intents", declined, "k") for _ in range(2))
    assert (first.status_code, second.status_code) == (402, 402)
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    assert count(sandbox) == 1


def test_a_server_error_after_the_effect_is_replayed(sandbox: Running) -> None:
    sandbox.fault(method="POST", path="/v1/payment_intents", fault="status", status=500, after_effect=True)
    first, second = (post(sandbox, "/v1/payment_intents", PAID, "k") for _ in range(2))
    assert (first.status_code, second.status_code) == (500, 500)
    assert first.json()["error"]["type"] == "api_error"
    assert second.headers["idempotent-replayed"] == "true"
    assert count(sandbox) == 1


def test_a_server_error_before_the_effect_is_not_kept(sandbox: Running) -> None:
    sandbox.fault(method="POST", path="/v1/payment_intents", fault="status", status=503)
    assert post(sandbox, "/v1/payment_intents", PAID, "k").status_code == 503
    assert count(sandbox) == 0
    assert post(sandbox, "/v1/payment_intents", PAID, "k").status_code == 200


def test_a_state_error_is_replayed(sandbox: Running) -> None:
    intent = post(sandbox, "/v1/payment_intents", PAID, "k").json()["id"]
    for replayed in (None, "true"):
        refused = post(sandbox, f"/v1/payment_intents/{intent}/cancel", {}, "c")
        assert refused.status_code == 400
        assert refused.headers.get("idempotent-replayed") == replayed


@pytest.mark.parametrize(
    "wrong",
    [{"currency": "usd"}, {**INTENT, "amount": "1"}, {**INTENT, "colour": "red"}, {**INTENT, "customer": "cus_0"}],
)
def test_failed_validation_leaves_the_key_free(sandbox: Running, wrong: dict[str, str]) -> None:
    assert post(sandbox, "/v1/payment_intents", wrong, "k").status_code == 400
    assert post(sandbox, "/v1/payment_intents", INTENT, "k").status_code == 200


def test_refused_access_and_rate_limits_leave_the_key_free(sandbox: Running) -> None:
    bare = httpx.post(f"{sandbox.url}/v1/payment_intents", data=INTENT, headers={"Idempotency-Key": "k"})
    assert bare.status_code == 401
    sandbox.fault(method="POST", path="/v1/payment_intents", fault="status", status=429)
    limited = post(sandbox, "/v1/payment_intents", INTENT, "k")
    assert (limited.status_code, limited.json()["error"]["code"]) == (429, "rate_limit")
    assert post(sandbox, "/v1/payment_intents", INTENT, "k").status_code == 200


def test_another_request_under_the_same_key_is_an_error(sandbox: Running) -> None:
    post(sandbox, "/v1/payment_intents", INTENT, "k")
    for path, data in (("/v1/payment_intents", {**INTENT, "amount": "800"}), ("/v1/customers", {})):
        refused = post(sandbox, path, data, "k")
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "idempotency_error"


def test_stripe_python_tells_the_errors_apart(client: stripe.StripeClient, sandbox: Running) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "k"}
    client.v1.customers.create({"name": "A"}, options)
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"name": "B"}, options)
    sandbox.fault(method="POST", path="/v1/customers", fault="status", status=429, should_retry="true")
    retrying = stripe.StripeClient(
        sandbox.sandbox.secret_key, base_addresses={"api": sandbox.url}, max_network_retries=1
    )
    assert retrying.v1.customers.create({"name": "C"}).name == "C"


def test_only_one_of_concurrent_requests_executes(sandbox: Running) -> None:
    sandbox.ask("/stripe/settings", {"latency_ms": 150})
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda _: post(sandbox, "/v1/payment_intents", PAID, "k"), range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    loser = next(answer for answer in answers if answer.status_code == 409).json()["error"]
    assert loser["code"] == "idempotency_key_in_use"
    sandbox.ask("/stripe/settings", {"latency_ms": 0})
    assert post(sandbox, "/v1/payment_intents", PAID, "k").headers["idempotent-replayed"] == "true"
    assert count(sandbox) == 1


def test_keys_are_forgotten_after_a_day(sandbox: Running) -> None:
    post(sandbox, "/v1/payment_intents", INTENT, "k")
    sandbox.ask("/stripe/settings", {"clock_offset_s": 86_399 - 60})
    assert post(sandbox, "/v1/payment_intents", INTENT, "k").headers["idempotent-replayed"] == "true"
    sandbox.ask("/stripe/settings", {"clock_offset_s": 86_401})
    assert "idempotent-replayed" not in post(sandbox, "/v1/payment_intents", INTENT, "k").headers
    assert count(sandbox) == 2


def test_keys_on_reads_mean_nothing(sandbox: Running) -> None:
    answers = [sandbox.http.get("/v1/customers", headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert all("idempotent-replayed" not in answer.headers for answer in answers)
    assert post(sandbox, "/v1/customers", {}, "x" * 256).status_code == 400


def test_events_name_the_key_that_caused_them(sandbox: Running) -> None:
    answer = post(sandbox, "/v1/payment_intents", PAID, "order-7")
    events = sandbox.http.get("/v1/events", params={"type": "payment_intent.succeeded"}).json()["data"]
    assert events[0]["request"] == {"id": answer.headers["request-id"], "idempotency_key": "order-7"}


def test_an_effect_without_an_answer_is_found_by_its_key(sandbox: Running) -> None:
    sandbox.fault(method="POST", path="/v1/payment_intents", fault="disconnect", after_effect=True)
    with pytest.raises(httpx.RemoteProtocolError):
        post(sandbox, "/v1/payment_intents", PAID, "k")
    poll(lambda: count(sandbox) == 1)
    assert post(sandbox, "/v1/payment_intents", PAID, "k").headers["idempotent-replayed"] == "true"
    assert count(sandbox) == 1
