"""Checkout Sessions, paid on their hosted page as a payer's browser would."""

from typing import Any

import httpx
import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.test_payments import settled

LINE: dict[str, Any] = {
    "price_data": {"currency": "eur", "unit_amount": 1250, "product_data": {"name": "Cup & saucer"}},
    "quantity": 2,
}
SMALL: dict[str, Any] = {
    "price_data": {"currency": "eur", "unit_amount": 99, "product_data": {"name": "Spoon"}},
    "quantity": 1,
}


def open_session(client: stripe.StripeClient, **more: Any) -> stripe.checkout.Session:
    params = {
        "mode": "payment",
        "line_items": [LINE, SMALL],
        "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        "payment_intent_data": {"metadata": {"order": "9"}, "description": "Order 9"},
        "metadata": {"session": "yes"},
        "client_reference_id": "ref",
        **more,
    }
    return client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]


def pay_page(sandbox: Running, session: stripe.checkout.Session, card: str = "pm_card_visa") -> httpx.Response:
    return sandbox.http.post(str(session.url), data={"payment_method": card, "email": "payer@example.org"})


def test_a_session_is_paid_on_its_page(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    session = open_session(client)
    assert (session.amount_total, session.currency, session.status) == (2599, "eur", "open")
    assert (session.payment_status, session.payment_intent) == ("unpaid", None)
    page = sandbox.http.get(str(session.url))
    assert "25.99 EUR" in page.text
    assert "Counterfoil Sandbox" in page.text
    assert "Cup &amp; saucer" in page.text
    answer = pay_page(sandbox, session)
    assert (answer.status_code, answer.headers["location"]) == (303, f"https://shop.example/done?session={session.id}")
    done = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent", "line_items"]})
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    intent = done.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.amount, intent.status, intent.description) == (2599, "succeeded", "Order 9")
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == {"order": "9"}
    assert done.line_items is not None
    assert [line.amount_total for line in done.line_items.data] == [2500, 99]
    assert done.customer_details is not None
    assert done.customer_details.email == "payer@example.org"
    assert settled(client, intent).amount == 2818
    sandbox.flush()
    types = [event.type for event in client.v1.events.list({"limit": 100}).auto_paging_iter()]  # newest first
    assert types.index("payment_intent.succeeded") < types.index("payment_intent.created")
    (event,) = sandbox.receiver.events("checkout.session.completed")
    assert event["data"]["object"]["payment_intent"] == intent.id
    assert "line_items" not in event["data"]["object"]
    assert endpoint.id
    assert sandbox.http.get(str(session.url)).status_code == 410


def test_a_decline_leaves_the_session_open(client: stripe.StripeClient, sandbox: Running) -> None:
    session = open_session(client)
    declined = pay_page(sandbox, session, "pm_card_chargeDeclinedInsufficientFunds")
    assert declined.status_code == 402
    assert "insufficient funds" in declined.text
    tried = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert isinstance(tried.payment_intent, stripe.PaymentIntent)
    assert tried.payment_intent.status == "requires_payment_method"
    assert pay_page(sandbox, session).status_code == 303
    paid = client.v1.checkout.sessions.retrieve(session.id)
    assert paid.payment_intent == tried.payment_intent.id


def test_authentication_is_part_of_paying(client: stripe.StripeClient, sandbox: Running) -> None:
    session = open_session(client)
    challenge = pay_page(sandbox, session, "pm_card_threeDSecure2Required").headers["location"]
    assert challenge.startswith(f"{sandbox.url}/3ds/")
    failed = sandbox.http.post(challenge, data={"result": "fail"})
    assert failed.headers["location"] == session.url
    challenge = pay_page(sandbox, session, "pm_card_threeDSecure2Required").headers["location"]
    passed = sandbox.http.post(challenge, data={"result": "pass"})
    assert passed.headers["location"].startswith("https://shop.example/done")
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_sessions_expire_by_call_and_by_time(client: stripe.StripeClient, sandbox: Running) -> None:
    called, timed = open_session(client), open_session(client)
    assert client.v1.checkout.sessions.expire(called.id).status == "expired"
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        client.v1.checkout.sessions.expire(called.id)
    sandbox.ask("/stripe/settings", {"clock_offset_s": 86_400 + 5})
    assert client.v1.checkout.sessions.retrieve(timed.id).status == "expired"
    assert (
        pay_page(sandbox, timed.__class__.construct_from({"url": f"{sandbox.url}/c/pay/{timed.id}"}, "k")).status_code
        == 410
    )
    events = client.v1.events.list({"type": "checkout.session.expired"}).data
    assert {event.data.object["id"] for event in events} == {called.id, timed.id}


def test_customers_of_sessions(client: stripe.StripeClient, sandbox: Running) -> None:
    made = open_session(client, customer_creation="always")
    pay_page(sandbox, made)
    customer = client.v1.checkout.sessions.retrieve(made.id).customer
    assert client.v1.customers.retrieve(str(customer)).email == "payer@example.org"
    known = open_session(client, customer=str(customer))
    pay_page(sandbox, known)
    listed = client.v1.checkout.sessions.list({"customer": str(customer)}).data
    assert {session.id for session in listed} == {made.id, known.id}
    found = client.v1.checkout.sessions.list({"payment_intent": str(listed[0].payment_intent)}).data
    assert [session.id for session in found] == [listed[0].id]


def test_manual_capture_is_unpaid_until_captured(client: stripe.StripeClient, sandbox: Running) -> None:
    session = open_session(client, payment_intent_data={"capture_method": "manual"})
    pay_page(sandbox, session)
    done = client.v1.checkout.sessions.retrieve(session.id)
    assert (done.status, done.payment_status) == ("complete", "unpaid")
    client.v1.payment_intents.capture(str(done.payment_intent))
    assert client.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_prices_and_line_items(client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Plate", "metadata": {"sku": "p"}})
    price = client.v1.prices.create({"product": product.id, "currency": "eur", "unit_amount": 700})
    session = open_session(client, line_items=[{"price": price.id, "quantity": 3}, *[SMALL] * 11])
    assert session.amount_total == 2100 + 11 * 99
    lines = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 5})
    assert len(list(lines.auto_paging_iter())) == 12
    assert lines.data[0].price is not None
    assert (lines.data[0].price.id, lines.data[0].description, lines.has_more) == (price.id, "Plate", True)
    assert client.v1.products.update(product.id, {"name": "Dish"}).name == "Dish"
    assert client.v1.prices.update(price.id, {"nickname": "n"}).nickname == "n"
    assert [row.id for row in client.v1.prices.list({"product": product.id}).data] == [price.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.products.delete(product.id)
    alone = client.v1.products.create({"name": "Alone"})
    assert client.v1.products.delete(alone.id).deleted


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"line_items": []}, 400),
        ({"mode": "subscription"}, 501),
        ({"line_items": [LINE, {**SMALL, "price_data": {**SMALL["price_data"], "currency": "usd"}}]}, 400),
        ({"line_items": [{**SMALL, "quantity": 0}]}, 400),
        ({"line_items": [{"price": "price_0", "quantity": 1}]}, 400),
        ({"expires_at": 1}, 400),
        ({"customer": "cus_0"}, 400),
        ({"discounts": [{"coupon": "x"}]}, 501),
        ({"ui_mode": "embedded_page"}, 501),
        ({"automatic_tax": {"enabled": True}}, 501),
    ],
)
def test_what_a_session_cannot_be(client: stripe.StripeClient, more: dict[str, Any], status: int) -> None:
    with pytest.raises(stripe.StripeError) as refusal:
        open_session(client, **more)
    assert refusal.value.http_status == status
    assert client.v1.checkout.sessions.list().data == []
