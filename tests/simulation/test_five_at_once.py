"""Five identical deliveries at the same instant, a thousand times, over two replicas: one record each."""

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import orjson
import pytest

from tests.simulation.audit import audit, drain
from tests.simulation.world import CARD, World, rows_of, wait_for

EVENTS, COPIES = 1000, 5
_MADE_TOGETHER = 6


def _signed(world: World, event: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    """Return body and headers as Stripe sends them: docs.stripe.com/webhooks/signatures."""
    body, now = orjson.dumps(event), int(time.time())
    digest = hmac.new(world.stack.webhook_secret.encode(), b"%d.%s" % (now, body), hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={now},v1={digest}"}


def _pay(world: World) -> None:
    world.stripe.v1.payment_intents.create(
        {
            "amount": 4_200,
            "currency": "usd",
            "payment_method": CARD,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )


def _told(world: World) -> list[dict[str, Any]]:
    """Return every event there is, the oldest first; the service has seen none of them."""
    facts = world.stack.info["stripe"]
    with httpx.Client(base_url=facts["url"], auth=(facts["secret_key"], ""), trust_env=False, timeout=30) as http:

        def pages() -> Iterator[dict[str, Any]]:
            page: dict[str, Any] = {"has_more": True, "data": []}
            while page["has_more"]:
                after = {"starting_after": page["data"][-1]["id"]} if page["data"] else {}
                page = http.get("/v1/events", params={"limit": 100, **after}).raise_for_status().json()
                yield from page["data"]

        return list(pages())[::-1]


@pytest.mark.timeout(240)
def test_five_identical_deliveries_at_the_same_instant_a_thousand_times_over_two_replicas(world: World) -> None:
    world.stack.start_service(name="first")
    other = world.stack.start_service(name="second", web_port=0)
    doors = [world.stack.web_port, int(str(other.info["web"]).rsplit(":", 1)[1])]
    urls = [f"http://127.0.0.1:{door}/webhooks/stripe/{world.stack.entity}" for door in doors]
    world.strike("stripe/webhook-faults", fault="drop", times=-1)
    needed = -(-EVENTS // 4)  # made, charged, paid, and its fee a moment later
    with ThreadPoolExecutor(_MADE_TOGETHER) as people:
        list(people.map(lambda _: _pay(world), range(needed)))
    wait_for("every event", lambda: len(_told(world)) >= EVENTS)
    events = _told(world)
    world.calm()

    instant = Barrier(COPIES)
    answers: list[Counter[str]] = []
    with httpx.Client(trust_env=False, timeout=30) as client, ThreadPoolExecutor(COPIES) as senders:

        def send(copy: int, body: bytes, headers: dict[str, str]) -> str:
            instant.wait()
            answer = client.post(urls[copy % len(urls)], content=body, headers=headers)
            return str(answer.json().get("receipt")) if answer.is_success else str(answer.status_code)

        for event in events:
            body, headers = _signed(world, event)
            sent = [senders.submit(send, copy, body, headers) for copy in range(COPIES)]
            answers.append(Counter(one.result() for one in sent))

    assert answers == [Counter(new=1, duplicate=COPIES - 1)] * len(events)
    drain(world)
    recorded = rows_of(world.database_url, "SELECT event_id FROM inbox WHERE source = 'stripe'")
    assert sorted(row["event_id"] for row in recorded) == sorted(event["id"] for event in events)
    paid = {event["data"]["object"]["id"] for event in events if event["type"] == "payment_intent.succeeded"}
    there = world.salesforce.query("SELECT Stripe_Id__c FROM Payment__c")
    assert sorted(row["Stripe_Id__c"] for row in there) == sorted(paid)
    audit(world)
