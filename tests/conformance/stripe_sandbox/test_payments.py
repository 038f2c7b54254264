"""PaymentIntents from creation to money, through stripe-python."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running, poll

NOW = {"off_session": True, "confirm": True}
LATEST = "latest_charge.balance_transaction"


def pay(client: stripe.StripeClient, amount: int = 2000, currency: str = "usd", **more: Any) -> stripe.PaymentIntent:
    params: Any = {"amount": amount, "currency": currency, "payment_method": "pm_card_visa", **NOW, **more}
    return client.v1.payment_intents.create(params)


def settled(client: stripe.StripeClient, intent: stripe.PaymentIntent) -> stripe.BalanceTransaction:
    """Return the balance transaction once the asynchronous capture has filled it."""
    charge = str(intent.latest_charge)
    found = poll(lambda: client.v1.charges.retrieve(charge, {"expand": ["balance_transaction"]}).balance_transaction)
    assert isinstance(found, stripe.BalanceTransaction)
    return found


def test_fee_arrives_later_with_charge_updated(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    intent = pay(client, metadata={"order": "7"}, description="Order 7")
    assert (intent.status, intent.amount_received, intent.capture_method) == ("succeeded", 2000, "automatic_async")
    charge = sandbox.receiver.wait("charge.succeeded")[0]["data"]["object"]
    assert charge["balance_transaction"] is None
    updated = sandbox.receiver.wait("charge.updated")[0]
    assert updated["data"]["previous_attributes"] == {"balance_transaction": None}
    assert updated["request"] == {"id": None, "idempotency_key": None}
    entry = client.v1.balance_transactions.retrieve(updated["data"]["object"]["balance_transaction"])
    assert (entry.amount, entry.fee, entry.net, entry.exchange_rate) == (2000, 88, 1912, None)
    assert entry.fee_details[0].amount == 88
    assert entry.description == "Order 7"
    assert charge["metadata"] == {"order": "7"}
    assert endpoint.secret


def test_events_come_in_the_natural_order(client: stripe.StripeClient, sandbox: Running) -> None:
    pay(client)
    sandbox.flush()
    types = [event.type for event in client.v1.events.list({"limit": 100}).auto_paging_iter()][::-1]
    assert types == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "charge.updated"]


def test_charge_keeps_the_metadata_of_its_confirmation(client: stripe.StripeClient) -> None:
    intent = pay(client, metadata={"step": "one"})
    client.v1.payment_intents.update(intent.id, {"metadata": {"step": "two"}})
    assert client.v1.charges.retrieve(str(intent.latest_charge)).metadata.to_dict() == {"step": "one"}


@pytest.mark.parametrize(
    ("amount", "currency", "settled_amount", "fee"),
    [(1000, "eur", 1084, 61), (50_000, "jpy", 33490, 1001), (12_340, "kwd", 4014, 146), (20_000, "isk", 144, 34)],
)
def test_other_currencies_settle_in_dollars(
    client: stripe.StripeClient, amount: int, currency: str, settled_amount: int, fee: int
) -> None:
    entry = settled(client, pay(client, amount, currency))
    assert (entry.currency, entry.amount, entry.fee, entry.net) == (
        "usd",
        settled_amount,
        fee,
        settled_amount - fee,
    )
    assert entry.exchange_rate


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "usd", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (100_000_000, "usd", "amount_too_large"),
        (12_345, "kwd", None),
        (150, "isk", None),
        (0, "usd", "parameter_invalid_integer"),
        (100, "xxx", None),
    ],
)
def test_impossible_amounts_are_refused(
    client: stripe.StripeClient, amount: int, currency: str, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        pay(client, amount, currency)
    assert (refusal.value.http_status, refusal.value.code) == (400, code)
    assert client.v1.payment_intents.list().data == []


@pytest.mark.parametrize(
    ("card", "code", "decline"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_decline_leaves_a_failed_charge_and_an_intent_to_try_again(
    client: stripe.StripeClient, card: str, code: str, decline: str | None
) -> None:
    with pytest.raises(stripe.CardError) as refusal:
        pay(client, payment_method=card)
    error = refusal.value.error
    assert refusal.value.http_status == 402
    assert error is not None
    assert (error.code, error.decline_code if decline else None) == (code, decline)
    assert error.payment_intent is not None
    intent = client.v1.payment_intents.retrieve(error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    assert intent.payment_method is None
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.code == code
    (charge,) = client.v1.charges.list({"payment_intent": intent.id}).data
    assert (charge.status, charge.paid, charge.captured, charge.failure_code) == ("failed", False, False, code)
    again = client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa", "off_session": True})
    assert again.status == "succeeded"
    assert len(client.v1.charges.list({"payment_intent": intent.id}).data) == 2


def test_an_authorisation_is_captured_in_part_without_a_refund(client: stripe.StripeClient) -> None:
    intent = pay(client, 5000, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5001})
    assert refusal.value.code == "amount_too_large"
    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 3000, "expand": [LATEST]})
    charge = captured.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 3000, 0)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded, charge.refunded) == (5000, 3000, 0, False)
    assert charge.balance_transaction.amount == 3000
    assert client.v1.refunds.list().data == []


def test_a_cancelled_authorisation_is_not_a_refund(client: stripe.StripeClient) -> None:
    intent = pay(client, capture_method="manual")
    canceled = client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason, canceled.amount_capturable) == ("canceled", "abandoned", 0)
    charge = client.v1.charges.retrieve(str(intent.latest_charge))
    assert (charge.refunded, charge.amount_captured, charge.amount_refunded) == (False, 0, 0)


def test_an_authorisation_lapses_after_a_week(client: stripe.StripeClient, sandbox: Running) -> None:
    intent = pay(client, capture_method="manual")
    sandbox.ask("/stripe/settings", {"clock_offset_s": 7 * 86_400 + 60})
    late = client.v1.payment_intents.retrieve(intent.id)
    assert (late.status, late.cancellation_reason) == ("canceled", "expired")
    types = [event.type for event in client.v1.events.list({"limit": 2}).data]
    assert types == ["payment_intent.canceled", "charge.expired"]


def test_actions_in_the_wrong_state_show_the_intent(client: stripe.StripeClient) -> None:
    intent = pay(client)
    actions: tuple[Callable[[], Any], ...] = (
        lambda: client.v1.payment_intents.cancel(intent.id),
        lambda: client.v1.payment_intents.capture(intent.id),
        lambda: client.v1.payment_intents.confirm(intent.id),
        lambda: client.v1.payment_intents.update(intent.id, {"amount": 3000}),
    )
    for action in actions:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            action()
        assert refusal.value.code == "payment_intent_unexpected_state"
        assert refusal.value.error is not None
        assert refusal.value.error.payment_intent is not None
        assert refusal.value.error.payment_intent.status == "succeeded"


def test_confirmation_needs_a_way_back_unless_redirects_are_off(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
    assert intent.status == "requires_confirmation"
    with pytest.raises(stripe.InvalidRequestError, match="return_url"):
        client.v1.payment_intents.confirm(intent.id)
    assert client.v1.payment_intents.confirm(intent.id, {"return_url": "https://shop.example/"}).status == "succeeded"
    direct = client.v1.payment_intents.create(
        {
            "amount": 500,
            "currency": "usd",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert direct.status == "succeeded"


def test_three_d_secure_is_completed_or_failed_on_its_page(client: stripe.StripeClient, sandbox: Running) -> None:
    for result, status in (("pass", "succeeded"), ("fail", "requires_payment_method")):
        intent = client.v1.payment_intents.create(
            {
                "amount": 500,
                "currency": "usd",
                "payment_method": "pm_card_threeDSecure2Required",
                "confirm": True,
                "return_url": "https://shop.example/done",
            }
        )
        assert intent.status == "requires_action"
        assert intent.next_action is not None
        assert intent.next_action.redirect_to_url is not None
        page = str(intent.next_action.redirect_to_url.url)
        assert "5.00 USD" in sandbox.http.get(page).text
        answer = sandbox.http.post(page, data={"result": result})
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"https://shop.example/done?payment_intent={intent.id}")
        assert client.v1.payment_intents.retrieve(intent.id).status == status


def test_saved_cards_belong_to_their_customer(client: stripe.StripeClient) -> None:
    owner = client.v1.customers.create({"email": "owner@example.com"})
    other = client.v1.customers.create({"email": "other@example.com"})
    saved = client.v1.payment_methods.attach("pm_card_mastercard", {"customer": owner.id})
    assert saved.card is not None
    assert (saved.card.brand, saved.card.last4) == ("mastercard", "4444")
    owners: tuple[dict[str, Any], ...] = ({}, {"customer": other.id})
    for customer in owners:
        with pytest.raises(stripe.InvalidRequestError):
            pay(client, payment_method=saved.id, **customer)
    for _ in range(2):
        assert pay(client, payment_method=saved.id, customer=owner.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="already been attached"):
        client.v1.payment_methods.attach(saved.id, {"customer": other.id})


def test_an_unattached_card_pays_once(client: stripe.StripeClient) -> None:
    first = pay(client)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(client, payment_method=str(first.payment_method))


def test_a_card_is_saved_by_paying(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"name": "Saver"})
    intent = client.v1.payment_intents.create(
        {
            "amount": 900,
            "currency": "usd",
            "customer": customer.id,
            "payment_method": "pm_card_visa",
            "setup_future_usage": "off_session",
            "confirm": True,
            "return_url": "https://shop.example/",
        }
    )
    assert client.v1.payment_methods.retrieve(str(intent.payment_method)).customer == customer.id
    assert pay(client, payment_method=str(intent.payment_method), customer=customer.id).status == "succeeded"


@pytest.mark.parametrize("card", ["pm_card_chargeDeclined", "pm_card_chargeCustomerFail"])
def test_declining_cards_at_attaching(client: stripe.StripeClient, card: str) -> None:
    customer = client.v1.customers.create({})
    if card == "pm_card_chargeDeclined":
        with pytest.raises(stripe.CardError):
            client.v1.payment_methods.attach(card, {"customer": customer.id})
        return
    saved = client.v1.payment_methods.attach(card, {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        pay(client, payment_method=saved.id, customer=customer.id)


def test_available_at_once_or_after_two_days(client: stripe.StripeClient, sandbox: Running) -> None:
    assert settled(client, pay(client, payment_method="pm_card_bypassPending")).status == "available"
    late = settled(client, pay(client))
    assert late.status == "pending"
    sandbox.ask("/stripe/settings", {"clock_offset_s": 3 * 86_400})
    assert client.v1.balance_transactions.retrieve(late.id).status == "available"
    assert client.v1.balance.retrieve().available[0].amount == 2 * 1912


def test_payment_method_types_is_gone(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd"})
    removed: Any = {"payment_method_types": ["card"]}
    intents, sessions = client.v1.payment_intents, client.v1.checkout.sessions
    calls: tuple[Callable[[], Any], ...] = (
        lambda: intents.create(removed | {"amount": 500, "currency": "usd"}),
        lambda: intents.update(intent.id, removed),
        lambda: intents.confirm(intent.id, removed),
        lambda: sessions.create(removed | {"mode": "payment"}),
    )
    for call in calls:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            call()
        assert refusal.value.code == "payment_method_types_no_longer_supported"
    allowed = client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "allowed_payment_method_types": ["card"]}
    )
    assert allowed.payment_method_types == ["card"]
