"""Connect: one platform, accounts of their own behind the Stripe-Account header, and whose events say so."""

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import PIN, Running

_CARD = {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa", "return_url": "http://x"}


@pytest.fixture
def connected(client: stripe.StripeClient) -> str:
    return client.v1.accounts.create({"type": "standard"}).id


def _pay(client: stripe.StripeClient, account: str | None, key: str | None = None) -> str:
    options = {"stripe_account": account} if account else {}
    options |= {"idempotency_key": key} if key else {}
    return client.v1.payment_intents.create(_CARD, options).id  # type: ignore[arg-type]


def test_objects_of_accounts_are_apart(client: stripe.StripeClient, connected: str) -> None:
    theirs, ours = _pay(client, connected), _pay(client, None)
    assert client.v1.payment_intents.retrieve(theirs, options={"stripe_account": connected}).status == "succeeded"
    for identifier, options in ((theirs, {}), (ours, {"stripe_account": connected})):
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.payment_intents.retrieve(identifier, options=options)  # type: ignore[arg-type]


def test_keys_of_accounts_are_apart(client: stripe.StripeClient, connected: str) -> None:
    assert _pay(client, connected, "one") != _pay(client, None, "one")
    assert _pay(client, connected, "one") == _pay(client, connected, "one")


def test_an_account_that_is_not_connected_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.PermissionError, match="acct_1Nobody"):
        _pay(client, "acct_1Nobody")


@pytest.mark.usefixtures("endpoint")
def test_events_of_connected_accounts_go_to_connect_endpoints_only(
    client: stripe.StripeClient, sandbox: Running, connected: str
) -> None:
    client.v1.webhook_endpoints.create(
        {"url": f"{sandbox.receiver.url}?connect", "enabled_events": ["*"], "api_version": PIN, "connect": True}
    )
    theirs, ours = _pay(client, connected), _pay(client, None)
    sandbox.flush()
    told = {
        (event["data"]["object"]["id"], event.get("account"))
        for event in sandbox.receiver.events("payment_intent.succeeded")
    }
    assert told == {(theirs, connected), (ours, None)}
    urls = {
        (entry["url"].endswith("?connect"), entry["event"])
        for entry in sandbox.ask("/stripe/webhooks", method="GET")["deliveries"]
    }
    for event in sandbox.receiver.events():
        assert ("account" in event, event["id"]) in urls
        assert ("account" not in event, event["id"]) not in urls


def test_an_account_says_who_it_is(client: stripe.StripeClient, connected: str) -> None:
    assert client.v1.accounts.retrieve_current(options={"stripe_account": connected}).id == connected
    assert client.v1.accounts.retrieve(connected).id == connected
