"""Webhook endpoints and deliveries: signatures, retries, secrets, and the ways deliveries go wrong."""

from collections import Counter
from typing import Any

import pytest
import stripe

from tests.conformance.stripe_sandbox.running import PIN, Running, poll
from tests.conformance.stripe_sandbox.test_payments import pay


def test_deliveries_are_signed_and_typed(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    intent = pay(client)
    sandbox.flush()
    assert endpoint.secret
    events = [stripe.Webhook.construct_event(body, header, endpoint.secret) for body, header in sandbox.receiver.got]
    charge = next(event for event in events if event.type == "charge.succeeded")
    assert isinstance(charge.data.object, stripe.Charge)
    assert charge.data.object.payment_intent == intent.id
    assert all(event.api_version == PIN and event.pending_webhooks == 1 for event in events)
    assert "account" not in charge
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(*sandbox.receiver.got[0], "whsec_other")


def test_the_secret_is_shown_once(client: stripe.StripeClient, endpoint: stripe.WebhookEndpoint) -> None:
    assert str(endpoint.secret).startswith("whsec_")
    assert "secret" not in client.v1.webhook_endpoints.retrieve(endpoint.id)
    assert "secret" not in client.v1.webhook_endpoints.update(endpoint.id, {"description": "mine"})
    assert "secret" not in client.v1.webhook_endpoints.list().data[0]
    fixed: Any = {"api_version": PIN}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.webhook_endpoints.update(endpoint.id, fixed)
    assert refusal.value.code == "parameter_unknown"


def test_endpoints_get_what_they_asked_for_while_they_are_enabled(
    client: stripe.StripeClient, sandbox: Running
) -> None:
    made = client.v1.webhook_endpoints.create({"url": sandbox.receiver.url, "enabled_events": ["customer.created"]})
    customer = client.v1.customers.create({})
    client.v1.customers.update(customer.id, {"name": "A"})
    client.v1.webhook_endpoints.update(made.id, {"disabled": True})
    client.v1.customers.create({})
    client.v1.webhook_endpoints.update(made.id, {"disabled": False})
    client.v1.webhook_endpoints.delete(made.id)
    client.v1.customers.create({})
    sandbox.flush()
    assert [event["data"]["object"]["id"] for event in sandbox.receiver.events()] == [customer.id]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.retrieve(made.id)


def test_anything_but_success_is_tried_again_with_a_fresh_signature(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.ask("/stripe/settings", {"webhook_retry_schedule_ms": [10, 10, 1100, 10]})
    sandbox.receiver.statuses += [500, 302, 404]
    customer = client.v1.customers.create({})
    (undelivered,) = client.v1.events.list({"delivery_success": False}).data
    assert undelivered.type == "customer.created"
    sandbox.flush()
    assert [body for body, _ in sandbox.receiver.got] == [sandbox.receiver.got[0][0]] * 4
    headers = [header for _, header in sandbox.receiver.got]
    assert headers[0] != headers[3]
    for body, header in sandbox.receiver.got:
        assert stripe.Webhook.construct_event(body, header, str(endpoint.secret)).data.object["id"] == customer.id
    attempts = sandbox.ask("/stripe/webhooks", method="GET")["deliveries"]
    assert [(entry["attempt"], entry["status"]) for entry in attempts] == [(1, 500), (2, 302), (3, 404), (4, 200)]
    assert client.v1.events.list({"delivery_success": False}).data == []
    assert client.v1.events.retrieve(undelivered.id).pending_webhooks == 0


def test_retries_end_with_the_schedule(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.ask("/stripe/settings", {"webhook_retry_schedule_ms": [5, 5]})
    sandbox.receiver.statuses += [500] * 3
    client.v1.customers.create({})
    sandbox.flush()
    assert len(sandbox.receiver.got) == 3
    (event,) = client.v1.events.list({"delivery_success": False}).data
    assert event.pending_webhooks == 1
    assert endpoint.status == "enabled"


def test_a_rolled_secret_overlaps_with_the_old_one(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    path = f"/stripe/webhook-endpoints/{endpoint.id}/roll-secret"
    new = sandbox.ask(path, {"overlap_ms": 60_000})["secret"]
    client.v1.customers.create({})
    sandbox.flush()
    body, header = sandbox.receiver.got[-1]
    assert header.count("v1=") == 2
    for secret in (new, str(endpoint.secret)):
        stripe.Webhook.construct_event(body, header, secret)
    newest = sandbox.ask(path, {"overlap_ms": 0})["secret"]
    client.v1.customers.create({})
    sandbox.flush()
    body, header = sandbox.receiver.got[-1]
    stripe.Webhook.construct_event(body, header, newest)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, new)


def test_duplicates_arrive_at_once(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.webhook_fault(fault="duplicate", types=["charge.*"], copies=5)
    pay(client)
    sandbox.flush()
    counted = Counter(event["type"] for event in sandbox.receiver.events())
    assert counted["charge.succeeded"] == 5
    assert counted["payment_intent.succeeded"] == counted["charge.updated"] == 1
    assert len({event["id"] for event in sandbox.receiver.events("charge.succeeded")}) == 1
    assert client.v1.events.list({"delivery_success": False}).data == []
    assert endpoint.id


def test_one_change_under_two_event_ids(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.webhook_fault(fault="duplicate_new_id", types=["payment_intent.succeeded"])
    intent = pay(client)
    sandbox.flush()
    first, second = sandbox.receiver.events("payment_intent.succeeded")
    assert first["id"] != second["id"]
    assert first["data"] == second["data"]
    assert first["data"]["object"]["id"] == intent.id
    listed = client.v1.events.list({"type": "payment_intent.succeeded"}).data
    assert {event.id for event in listed} == {first["id"], second["id"]}
    assert endpoint.id


def test_the_next_event_overtakes(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.ask("/stripe/settings", {"webhook_concurrency": 1})
    sandbox.webhook_fault(fault="reorder", types=["customer.created"])
    customer = client.v1.customers.create({})
    client.v1.customers.update(customer.id, {"name": "A"})
    sandbox.flush()
    assert [event["type"] for event in sandbox.receiver.events()] == ["customer.updated", "customer.created"]
    assert endpoint.id


def test_late_and_lost_deliveries(
    client: stripe.StripeClient, sandbox: Running, endpoint: stripe.WebhookEndpoint
) -> None:
    sandbox.webhook_fault(fault="delay", types=["customer.created"], ms=200)
    sandbox.webhook_fault(fault="drop", types=["customer.updated"])
    customer = client.v1.customers.create({})
    client.v1.customers.update(customer.id, {"name": "A"})
    client.v1.customers.delete(customer.id)
    sandbox.receiver.wait("customer.deleted")
    assert sandbox.receiver.events("customer.created") == []
    sandbox.flush()
    assert len(sandbox.receiver.events("customer.created")) == 1
    assert sandbox.receiver.events("customer.updated") == []
    (lost,) = client.v1.events.list({"delivery_success": False}).data
    assert lost.type == "customer.updated"
    assert endpoint.id


def test_bodies_of_an_older_version(client: stripe.StripeClient, sandbox: Running) -> None:
    client.v1.webhook_endpoints.create({"url": sandbox.receiver.url, "enabled_events": ["*"], "api_version": PIN})
    sandbox.webhook_fault(fault="old_api_version", types=["charge.succeeded"])
    pay(client)
    sandbox.flush()
    (old,) = sandbox.receiver.events("charge.succeeded")
    assert (old["api_version"], old["data"]["object"]["invoice"]) == ("2024-06-20", None)
    assert client.v1.events.retrieve(old["id"]).api_version == PIN
    (new,) = sandbox.receiver.events("payment_intent.succeeded")
    assert new["api_version"] == PIN
    sandbox.receiver.got.clear()  # an older shape is not the published one


def test_an_endpoint_keeps_its_own_version(client: stripe.StripeClient, sandbox: Running) -> None:
    client.v1.webhook_endpoints.create(
        {"url": sandbox.receiver.url, "enabled_events": ["*"], "api_version": "2025-03-31.basil"}
    )
    client.v1.customers.create({})
    assert sandbox.receiver.wait("customer.created")[0]["api_version"] == "2025-03-31.basil"


def test_a_dead_receiver_does_not_stop_the_others(client: stripe.StripeClient, sandbox: Running) -> None:
    sandbox.ask("/stripe/settings", {"webhook_retry_schedule_ms": [10]})
    for url in ("http://127.0.0.1:9/hook", sandbox.receiver.url):
        client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]})
    client.v1.customers.create({})
    sandbox.flush()
    assert len(sandbox.receiver.got) == 1
    assert client.v1.events.list().data[0].pending_webhooks == 1


@pytest.mark.parametrize(
    "wrong",
    [{"enabled_events": ["customer.creatd"]}, {"enabled_events": []}, {"url": "nowhere"}, {"api_version": "latest"}],
)
def test_what_an_endpoint_cannot_be(client: stripe.StripeClient, wrong: dict[str, Any]) -> None:
    params: Any = {"url": "https://shop.example/hook", "enabled_events": ["*"], **wrong}
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.webhook_endpoints.create(params)


def test_event_lists_are_searched_by_type(client: stripe.StripeClient) -> None:
    pay(client)
    client.v1.customers.create({})
    for params, types in (
        ({"type": "customer.created"}, ["customer.created"]),
        ({"type": "payment_intent.*"}, ["payment_intent.succeeded", "payment_intent.created"]),
        ({"types": ["customer.created", "charge.succeeded"]}, ["customer.created", "charge.succeeded"]),
    ):
        assert [event.type for event in client.v1.events.list(params).data] == types  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.events.list({"type": "a", "types": ["b"]})


def test_events_leave_after_thirty_days(client: stripe.StripeClient, sandbox: Running) -> None:
    client.v1.customers.create({})
    sandbox.ask("/stripe/settings", {"clock_offset_s": 31 * 86_400})
    client.v1.customers.create({})
    assert len(poll(lambda: client.v1.events.list().data)) == 1
