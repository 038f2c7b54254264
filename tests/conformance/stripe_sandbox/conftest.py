"""Fixtures: an empty account, stripe-python pointed at it, a webhook endpoint; every answer is checked by schema."""

from collections.abc import Iterator

import pytest
import stripe

from tests.conformance.stripe_sandbox import schema
from tests.conformance.stripe_sandbox.running import PIN, Recording, Running


@pytest.fixture(scope="session")
def _running() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


@pytest.fixture
def sandbox(_running: Running) -> Running:
    """An empty account."""
    _running.ask("/reset")
    _running.receiver.got.clear()
    _running.receiver.statuses.clear()
    _running.ask("/stripe/settings", {"balance_transaction_delay_ms": 20, "refund_settlement_delay_ms": 20})
    return _running


@pytest.fixture
def client(sandbox: Running) -> Iterator[stripe.StripeClient]:
    """stripe-python, pointed at the sandbox; every answer it got is checked against Stripe's schema afterwards."""
    transport = Recording()
    yield stripe.StripeClient(sandbox.sandbox.secret_key, base_addresses={"api": sandbox.url}, http_client=transport)
    transport.close()  # type: ignore[no-untyped-call]
    if schema.SPEC.exists():
        for body in [*transport.bodies, *sandbox.receiver.events()]:
            schema.conforms(body)


@pytest.fixture
def endpoint(client: stripe.StripeClient, sandbox: Running) -> stripe.WebhookEndpoint:
    """A webhook endpoint for everything, at the pinned version."""
    return client.v1.webhook_endpoints.create(
        {"url": sandbox.receiver.url, "enabled_events": ["*"], "api_version": PIN}
    )
