"""The Stripe half of the sandbox, put together: one account in memory behind one ASGI application."""

import asyncio
import contextlib

from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from counterfoil_sandbox.stripe import control, pages, wire
from counterfoil_sandbox.stripe.api import Api
from counterfoil_sandbox.stripe.ids import Ids
from counterfoil_sandbox.stripe.resources import (
    account,
    balance,
    catalog,
    charges,
    checkout,
    credit_notes,
    customers,
    disputes,
    event_destinations,
    events,
    invoice_items,
    invoice_payments,
    invoices,
    invoicing,
    payment_intents,
    payment_links,
    payment_methods,
    payouts,
    refunds,
    tax_rates,
    webhook_endpoints,
)
from counterfoil_sandbox.stripe.routing import Router
from counterfoil_sandbox.stripe.world import World

_RESOURCES = (
    account,
    balance,
    catalog,
    charges,
    checkout,
    credit_notes,
    customers,
    disputes,
    event_destinations,
    events,
    invoice_items,
    invoice_payments,
    invoices,
    payment_intents,
    payment_links,
    payment_methods,
    payouts,
    refunds,
    tax_rates,
    webhook_endpoints,
)
_TICK_S = 0.5


def _furnish(world: World) -> None:
    """Let what an intent pays for hear of it, in one account."""
    world.payers.append(lambda intent: invoicing.follow(world, intent))


class _App(Starlette):
    """Keeps the server's own `send` within reach, so that a fault can cut the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[wire.RAW_SEND] = send
        await super().__call__(scope, receive, send)


class StripeSandbox:
    """A stateful imitation of Stripe's API for one test account.

    `app` serves the API and the hosted pages, `control_routes` belong on the control plane. `start` and `stop` run in
    the event loop that serves `app`.
    """

    def __init__(self, *, base_url: str = "", seed: int = 1) -> None:
        ids = Ids(seed)
        self.secret_key = ids.secret_key
        self.restricted_key = ids.restricted_key
        self.account = ids.account
        self.world = World(ids)
        self.world.base_url = base_url
        self.world.on_connect = _furnish
        _furnish(self.world)
        endpoints = [endpoint for resource in _RESOURCES for endpoint in resource.ENDPOINTS]
        self.api = Api(self.world, Router(endpoints))
        self.app: Starlette = _App(routes=[*pages.routes(self.world), Mount("/", self.api)])
        self.control_routes: list[Route] = control.routes(self)
        self._clock: asyncio.Task[None] | None = None

    @property
    def base_url(self) -> str:
        """The URL `app` is reached under."""
        return self.world.base_url

    def set_base_url(self, url: str) -> None:
        """Tell under which URL `app` is reached; it stands in the links of hosted pages."""
        self.world.base_url = url.rstrip("/")

    async def start(self) -> None:
        """Open the webhook client and start the calendar."""
        self.world.courier.start()
        self._clock = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Drop deliveries and timers and close the webhook client."""
        if self._clock:
            self._clock.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock
            self._clock = None
        await self.world.courier.stop()
        self.world.clear()

    def reset(self) -> None:
        """Return to an empty account with the same keys. Ids go on, so that none is ever given twice."""
        self.world.clear()
        self.api.keys.clear()
        self.api.faults.clear()
        self.api.restricted.clear()
        self.api.log.clear()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            self.world.catch_up()
