"""Every error of Stripe becomes one of ours, by code before type before status, and none of Stripe's text passes."""

from datetime import timedelta
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from service.clients.stripe._errors import translate
from service.errors import PaymentDeclined, VendorDenied, VendorError, VendorRejected, VendorUnavailable

TEXT = "Invalid email address: jane.doe@example.com"


def vendor_error(status: int | None, headers: dict[str, str] | None = None, /, **error: Any) -> stripe.StripeError:
    body = {"error": {"message": TEXT, **error}}
    return stripe.APIError(TEXT, TEXT, status, body, {"request-id": "req_1", **(headers or {})})


@pytest.mark.parametrize(
    ("status", "error", "kind", "reason"),
    [
        (400, {"type": "invalid_request_error", "code": "parameter_unknown"}, VendorRejected, "STRIPE_REJECTED"),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, VendorRejected, "STRIPE_REJECTED"),
        (400, {"type": "idempotency_error"}, VendorRejected, "STRIPE_IDEMPOTENCY_MISMATCH"),
        (401, {"type": "invalid_request_error"}, VendorDenied, "STRIPE_DENIED"),
        (403, {"type": "invalid_request_error"}, VendorDenied, "STRIPE_DENIED"),
        (402, {"type": "card_error", "code": "card_declined"}, PaymentDeclined, "PAYMENT_DECLINED"),
        (402, {"type": "invalid_request_error"}, VendorRejected, "STRIPE_REJECTED"),
        (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, VendorUnavailable, "STRIPE_LOCKED"),
        (400, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, VendorUnavailable, "STRIPE_LOCKED"),
        (409, {}, VendorUnavailable, "STRIPE_LOCKED"),
        (429, {"code": "lock_timeout"}, VendorUnavailable, "STRIPE_LOCKED"),
        (429, {"code": "rate_limit"}, VendorUnavailable, "STRIPE_RATE_LIMITED"),
        (429, {}, VendorUnavailable, "STRIPE_RATE_LIMITED"),
        (500, {"type": "api_error"}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (500, {"type": "card_error", "code": "card_declined"}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (503, {}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (418, {"type": "teapot_error"}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (200, {}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
        (None, {}, VendorUnavailable, "STRIPE_UNAVAILABLE"),
    ],
)
def test_the_table(status: int | None, error: dict[str, Any], kind: type[VendorError], reason: str) -> None:
    found = translate(vendor_error(status, **error))
    assert type(found) is kind
    assert found.reason == reason
    assert found.request_id == "req_1"
    assert found.vendor == "stripe"


def test_stripe_may_ask_for_another_try_of_what_it_refused() -> None:
    found = translate(vendor_error(400, {"Stripe-Should-Retry": "true"}, type="invalid_request_error"))
    assert isinstance(found, VendorUnavailable)
    declined = translate(vendor_error(402, {"Stripe-Should-Retry": "true"}, type="card_error"))
    assert isinstance(declined, PaymentDeclined)


def test_a_decline_carries_the_banks_word_and_the_payment() -> None:
    intent = {"id": "pi_1", "status": "requires_payment_method"}
    found = translate(
        vendor_error(402, type="card_error", code="card_declined", decline_code="stolen_card", payment_intent=intent)
    )
    assert isinstance(found, PaymentDeclined)
    assert (found.code, found.decline_code) == ("card_declined", "stolen_card")
    assert found.payment_intent == intent


@pytest.mark.parametrize(
    ("header", "wait"),
    [("7", timedelta(seconds=7)), ("-3", timedelta()), ("999999999999999", timedelta(hours=1)), ("soon", None)],
)
def test_a_limit_says_when_to_come_back(header: str, wait: timedelta | None) -> None:
    found = translate(vendor_error(429, {"Retry-After": header}))
    assert found is not None
    assert found.retry_after == wait


def test_a_parameter_is_named_only_if_it_looks_like_one() -> None:
    assert "parameter payment_method_data[card]" in str(
        translate(vendor_error(400, type="invalid_request_error", param="payment_method_data[card]"))
    )
    assert "jane" not in str(translate(vendor_error(400, type="invalid_request_error", param="jane.doe@example.com")))


def test_what_is_not_stripes_is_left_alone() -> None:
    assert translate(KeyError("amount")) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    status=st.none() | st.integers(100, 599),
    body=st.dictionaries(st.sampled_from(["type", "code", "param", "decline_code", "payment_intent"]), JSON) | JSON,
)
def test_any_body_becomes_one_of_our_errors_without_its_message(status: int | None, body: Any) -> None:
    error = {**body, "message": TEXT} if isinstance(body, dict) else body
    found = translate(stripe.APIError(TEXT, TEXT, status, {"error": error}, {}))
    assert isinstance(found, VendorError)
    assert "jane" not in str(found)
    assert (found.retryable) == isinstance(found, VendorUnavailable)
