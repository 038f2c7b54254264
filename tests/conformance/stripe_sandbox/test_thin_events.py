"""Thin events: told without the object, by destinations with a secret of their own, and read whole through the API."""

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import PIN, Running

_CARD = {"amount": 500, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa", "return_url": "http://x"}


def _destination(client: stripe.StripeClient, sandbox: Running, *scopes: str) -> stripe.v2.core.EventDestination:
    return client.v2.core.event_destinations.create(
        {
            "name": "thin",
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "enabled_events": ["v1.payment_intent.succeeded"],
            "events_from": list(scopes),
            "webhook_endpoint": {"url": sandbox.receiver.url},
            "include": ["webhook_endpoint.signing_secret"],
        }
    )


@pytest.fixture
def v2(sandbox: Running) -> stripe.StripeClient:
    """stripe-python without the check of answers, since the published schema has no v2 objects."""
    return stripe.StripeClient(sandbox.sandbox.secret_key, base_addresses={"api": sandbox.url}, stripe_version=PIN)


def test_a_thin_event_names_its_object_and_no_more(v2: stripe.StripeClient, sandbox: Running) -> None:
    secret = _destination(v2, sandbox, "@self").webhook_endpoint.signing_secret  # type: ignore[union-attr]
    intent = v2.v1.payment_intents.create(_CARD)  # type: ignore[arg-type]
    sandbox.receiver.wait("v1.payment_intent.succeeded")
    (raw, signature), *more = sandbox.receiver.got
    assert not more
    told = v2.parse_event_notification(raw, signature, secret)
    assert told.context is None
    assert told.related_object.id == intent.id  # type: ignore[union-attr]
    whole = v2.v2.core.events.retrieve(told.id)
    snapshot = v2.v1.events.retrieve(str(whole.snapshot_event))
    assert (snapshot.type, snapshot.data.object["id"]) == ("payment_intent.succeeded", intent.id)


def test_the_secret_is_told_once(v2: stripe.StripeClient, sandbox: Running) -> None:
    made = _destination(v2, sandbox, "@self")
    again = v2.v2.core.event_destinations.retrieve(made.id, {"include": ["webhook_endpoint.url"]})
    assert again.webhook_endpoint.signing_secret is None  # type: ignore[union-attr]
    assert again.webhook_endpoint.url == sandbox.receiver.url  # type: ignore[union-attr]


def test_a_thin_event_of_a_connected_account_has_its_context(v2: stripe.StripeClient, sandbox: Running) -> None:
    account = v2.v1.accounts.create({"type": "standard"}).id
    _destination(v2, sandbox, "@accounts")
    v2.v1.payment_intents.create(_CARD)  # type: ignore[arg-type]
    intent = v2.v1.payment_intents.create(_CARD, {"stripe_account": account})  # type: ignore[arg-type]
    sandbox.flush()
    (event,) = sandbox.receiver.events()
    assert event["context"] == account
    assert event["related_object"]["id"] == intent.id
    assert "snapshot_event" not in event
