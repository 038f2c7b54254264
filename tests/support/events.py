"""Stripe events and the intake that takes them, for tests against a real database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from service.clients import StripeApi
from service.clock import SystemClock
from service.config import Entity
from service.db import Database, Wakes
from service.intake import Intake, StripeEvent, read_stripe_event

ENTITY = "acme"
ACCOUNT = "acct_1TestAccount"
MOMENT = 1_790_000_000


def entities() -> dict[str, Entity]:
    """Return one entity in test mode."""
    account = {"account": ACCOUNT, "livemode": False, "secret_key": {"env": "X"}, "webhook_secrets": [{"env": "X"}]}
    return {ENTITY: Entity.model_validate({"org": "main", "stripe": account})}


def event_body(event_id: str, subject: dict[str, Any], *, created: int = MOMENT, **fields: Any) -> bytes:
    """Return a snapshot event as Stripe sends it; `fields` replace the envelope's."""
    body: dict[str, Any] = {
        "id": event_id,
        "object": "event",
        "type": f"{subject.get('object')}.updated",
        "created": created,
        "livemode": False,
        "api_version": StripeApi.api_version,
        "data": {"object": subject},
    }
    return orjson.dumps(body | fields)


def intent(key: str, **fields: Any) -> dict[str, Any]:
    """Return a payment intent."""
    money = {"amount": 1050, "amount_received": 1050, "currency": "usd"}
    state = {"created": MOMENT, "status": "succeeded", "livemode": False, "metadata": {}}
    return {"id": key, "object": "payment_intent", **money, **state, **fields}


def event(event_id: str, subject: dict[str, Any], *, created: int = MOMENT, **fields: Any) -> StripeEvent:
    """Return the same, read."""
    return read_stripe_event(ENTITY, event_body(event_id, subject, created=created, **fields))


@asynccontextmanager
async def running_intake(
    database: Database, *, queue_limit: int = 4096, batch_limit: int = 256
) -> AsyncIterator[Intake]:
    """Give an intake that runs, and let it finish."""
    intake = Intake(
        database,
        Wakes(database.url),
        SystemClock(),
        entities=entities(),
        api_version=StripeApi.api_version,
        queue_limit=queue_limit,
        batch_limit=batch_limit,
    )
    running = asyncio.create_task(intake.run())
    try:
        yield intake
    finally:
        intake.close()
        await running
