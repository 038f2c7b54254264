"""Payment Links: shared for days, paid once, and ended."""

from typing import Any

import httpx
import pytest
import stripe

from tests.conformance.stripe_sandbox.running import Running
from tests.conformance.stripe_sandbox.schema import conforms
from tests.conformance.stripe_sandbox.test_checkout import LINE, SMALL

ONCE: dict[str, Any] = {"completed_sessions": {"limit": 1}}
THANKS: dict[str, Any] = {"type": "redirect", "redirect": {"url": "https://shop.example/{CHECKOUT_SESSION_ID}"}}


def make(client: stripe.StripeClient, **more: Any) -> stripe.PaymentLink:
    params: dict[str, Any] = {"line_items": [LINE, SMALL], "metadata": {"order": "9"}, "restrictions": ONCE, **more}
    return client.v1.payment_links.create(params)  # type: ignore[arg-type]


def visit(sandbox: Running, link: stripe.PaymentLink) -> str:
    """Open the link; return the address of the page it leads to."""
    answer = sandbox.http.get(link.url)
    assert answer.status_code == 303
    return str(answer.headers["location"])


def pay(sandbox: Running, url: str, card: str = "pm_card_visa") -> httpx.Response:
    return sandbox.http.post(url, data={"payment_method": card, "email": "payer@example.org"})


def test_a_link_is_paid_by_once(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    data: dict[str, Any] = {"metadata": {"order": "9"}, "description": "Order 9"}
    link = make(client, payment_intent_data=data, after_completion=THANKS)
    conforms(client.v1.payment_links.retrieve(link.id, {"expand": ["line_items"]}).to_dict(for_json=True))
    first, second = visit(sandbox, link), visit(sandbox, link)
    assert "25.99 EUR" in sandbox.http.get(first).text
    answer = pay(sandbox, first)
    assert answer.status_code == 303
    sessions = {one.url: one for one in client.v1.checkout.sessions.list({"payment_link": link.id}).data}
    assert len(sessions) == 1, "neither has an address any more"
    states = sorted(str(one.status) for one in client.v1.checkout.sessions.list({"payment_link": link.id}).data)
    assert states == ["complete", "expired"]
    [paid] = client.v1.checkout.sessions.list({"payment_link": link.id, "status": "complete"}).data
    assert answer.headers["location"] == f"https://shop.example/{paid.id}"
    assert (paid.amount_total, paid.payment_link, paid.customer) == (2599, link.id, None)
    assert paid.metadata is not None
    assert paid.metadata.to_dict() == {"order": "9"}
    intent = client.v1.payment_intents.retrieve(str(paid.payment_intent))
    assert (intent.status, intent.amount, intent.description) == ("succeeded", 2599, "Order 9")
    assert intent.metadata is not None
    assert intent.metadata.to_dict() == {"order": "9"}
    spent = client.v1.payment_links.retrieve(link.id)
    assert spent.restrictions is not None
    assert (spent.active, spent.restrictions.completed_sessions.count) == (False, 1)
    assert pay(sandbox, second).status_code == sandbox.http.get(link.url).status_code == 410
    sandbox.flush()
    [told] = sandbox.receiver.events("checkout.session.completed")
    assert told["data"]["object"]["payment_link"] == link.id
    [made], [changed] = (sandbox.receiver.events(f"payment_link.{what}") for what in ("created", "updated"))
    for event in (told, made, changed):
        conforms(event["data"]["object"])
    assert (made["data"]["object"]["active"], changed["data"]["previous_attributes"]["active"]) == (True, True)
    assert endpoint.id


def test_a_link_does_not_expire_and_its_pages_do(client: stripe.StripeClient, sandbox: Running) -> None:
    link = make(client)
    page = visit(sandbox, link)
    sandbox.ask("/stripe/settings", {"clock_offset_s": 5 * 86_400})
    assert sandbox.http.get(page).status_code == 410
    assert client.v1.payment_links.retrieve(link.id).active
    assert "Thanks" in pay(sandbox, visit(sandbox, link)).text


def test_a_link_is_ended_and_what_it_opened_is_not(client: stripe.StripeClient, sandbox: Running) -> None:
    link = make(client, inactive_message="Sold out & gone")
    page = visit(sandbox, link)
    ended = client.v1.payment_links.update(link.id, {"active": False})
    assert (ended.active, ended.url) == (False, link.url)
    closed = sandbox.http.get(link.url)
    assert (closed.status_code, "Sold out &amp; gone" in closed.text) == (410, True)
    assert sandbox.http.get(page).status_code == 200


def test_money_is_held_and_without_a_limit_a_link_goes_on(client: stripe.StripeClient, sandbox: Running) -> None:
    link = make(client, payment_intent_data={"capture_method": "manual"}, restrictions=ONCE)
    pay(sandbox, link.url)
    [held] = client.v1.checkout.sessions.list({"payment_link": link.id}).data
    assert client.v1.payment_intents.retrieve(str(held.payment_intent)).status == "requires_capture"
    params: Any = {"line_items": [SMALL], "customer_creation": "always"}
    free = client.v1.payment_links.create(params)
    for _ in range(2):
        assert pay(sandbox, free.url).status_code == 200
    customers = {one.customer for one in client.v1.checkout.sessions.list({"payment_link": free.id}).data}
    assert len(customers) == 2
    assert None not in customers
    assert free.restrictions is None


def test_links_are_listed_and_tell_what_they_sell(client: stripe.StripeClient) -> None:
    links = [make(client) for _ in range(3)]
    client.v1.payment_links.update(links[0].id, {"active": False, "metadata": {"order": "", "more": "1"}})
    assert [one.id for one in client.v1.payment_links.list({"limit": 2}).data] == [links[2].id, links[1].id]
    assert [one.id for one in client.v1.payment_links.list({"active": False}).data] == [links[0].id]
    sold = client.v1.payment_links.line_items.list(links[1].id, {"limit": 1})
    assert ([line.amount_total for line in sold.data], sold.has_more) == ([2500], True)
    changed = client.v1.payment_links.retrieve(links[0].id)
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"more": "1"}


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"line_items": []}, 400),
        ({"line_items": [{**SMALL, "quantity": 0}]}, 400),
        ({"customer": "cus_1"}, 400),
        ({"expires_at": 1}, 400),
        ({"restrictions": {"completed_sessions": {"limit": 0}}}, 400),
        ({"after_completion": {"type": "redirect", "redirect": {"url": "shop"}}}, 400),
        ({"allow_promotion_codes": True}, 501),
    ],
)
def test_what_a_link_cannot_be(client: stripe.StripeClient, more: dict[str, Any], status: int) -> None:
    with pytest.raises(stripe.StripeError) as refusal:
        make(client, **more)
    assert refusal.value.http_status == status
    assert client.v1.payment_links.list().data == []
