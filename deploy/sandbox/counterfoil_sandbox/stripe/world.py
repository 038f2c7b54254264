"""The state of the imitated account: its tables, its clock, its timers and its event log.

Every change of state happens synchronously on the event loop, so a request is atomic without locks.
"""

import asyncio
import heapq
import itertools
import json
import time
from collections.abc import Callable
from typing import Any

from counterfoil_sandbox.stripe import thin, versions
from counterfoil_sandbox.stripe.delivery import Courier
from counterfoil_sandbox.stripe.errors import Json
from counterfoil_sandbox.stripe.ids import Ids, stem_of
from counterfoil_sandbox.stripe.settings import DAY_S, Settings
from counterfoil_sandbox.stripe.store import Table

NO_CAUSE: Json = {"id": None, "idempotency_key": None}
EVENT_AGE_S = 30 * DAY_S
MAX_EVENTS = 20_000
_STEMMED = frozenset(("payment_intent", "charge", "refund", "balance_transaction"))


class World:
    """One account in test mode."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids
        self.base_url = ""
        self.settings = Settings()
        self.courier = Courier(self)
        self.cause = NO_CAUSE
        # Told what became of an attempt to pay an intent: what it pays for is not the intent's business.
        self.payers: list[Callable[[Json], None]] = []
        # The account that acts for this one, and the accounts this one acts for (docs.stripe.com/connect).
        self.platform: World | None = None
        self.connected: dict[str, World] = {}
        self.on_connect: Callable[[World], None] | None = None
        self._timers: set[asyncio.TimerHandle] = set()
        self.clear()

    def clear(self) -> None:
        """Return to an empty account and drop everything that is under way."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.courier.clear()
        self.settings = Settings()
        self.courier.resize()
        self.cause = NO_CAUSE
        self.customers = Table("customer", "email")
        self.payment_methods = Table("PaymentMethod", "customer")
        self.payment_intents = Table("payment_intent", "customer")
        self.charges = Table("charge", "payment_intent", "customer")
        self.refunds = Table("refund", "charge", "payment_intent")
        self.balance_transactions = Table("balance_transaction", "source")
        self.disputes = Table("dispute", "charge", "payment_intent")
        self.payouts = Table("payout", "status")
        self.paid_out: set[str] = set()
        self.bank_account = self.ids.new("ba", "1")
        self.invoices = Table("invoice", "customer")
        self.invoice_items = Table("invoiceitem", "customer", "invoice")
        self.invoice_payments = Table("invoice_payment", "invoice")
        self.credit_notes = Table("credit_note", "invoice", "customer")
        self.tax_rates = Table("tax_rate")
        self.sessions = Table("checkout.session", "payment_intent", "customer", "payment_link")
        self.payment_links = Table("payment_link")
        self.line_items: dict[str, list[Json]] = {}
        self.products = Table("product")
        self.prices = Table("price", "product")
        self.events = Table("event", limit=MAX_EVENTS)
        self.thin_events = Table("v2.core.event", limit=MAX_EVENTS)
        self.webhook_endpoints = Table("webhook endpoint")
        self.destinations = Table("event destination")
        for world in self.connected.values():
            world.clear()
        self.connected.clear()
        self.private: dict[str, Json] = {}
        self._deadlines: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.started = self.now()

    def now(self) -> int:
        """Return the sandbox's time in Unix seconds."""
        return int(time.time()) + self.settings.clock_offset_s

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        """Do something after a delay, unless the account is reset before."""

        def fire() -> None:
            self._timers.discard(handle)
            self.cause = NO_CAUSE
            action()

        handle = asyncio.get_running_loop().call_later(delay_ms / 1000, fire)
        self._timers.add(handle)

    def at(self, moment: int, action: Callable[[], None]) -> None:
        """Do something once the sandbox's calendar has reached a moment, in Unix seconds."""
        heapq.heappush(self._deadlines, (moment, next(self._order), action))

    def catch_up(self) -> None:
        """Do what the calendar has made due."""
        for world in self.connected.values():
            world.catch_up()
        while self._deadlines and self._deadlines[0][0] <= self.now():
            self.cause = NO_CAUSE
            heapq.heappop(self._deadlines)[2]()

    def timers(self) -> int:
        """Return how many delayed changes are still to come."""
        return len(self._timers) + sum(world.timers() for world in self.connected.values())

    def connect(self) -> "World":
        """Open an account this one acts for; its events are told to this one's endpoints."""
        world = World(self.ids.connected())
        world.platform, world.base_url, world.settings = self, self.base_url, self.settings
        if self.on_connect is not None:
            self.on_connect(world)
        self.connected[world.ids.account] = world
        return world

    def hidden(self, identifier: str) -> Json:
        """Return what the sandbox knows about an object and Stripe never shows."""
        return self.private.setdefault(identifier, {})

    def emit(self, kind: str, row: Json, previous: Json | None = None) -> Json:
        """Record an event about a row as it is now, and send it to the endpoints that asked for its type."""
        data: Json = {"object": snapshot(row)}
        if previous is not None:
            data["previous_attributes"] = previous
        event: Json = {
            "id": self._event_id(row),
            "object": "event",
            "api_version": versions.PIN,
            "created": self.now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": dict(self.cause),
            "type": kind,
        }
        if self.platform is not None:
            event["account"] = self.ids.account
        self.record(event)
        return event

    def record(self, event: Json) -> None:
        """Store an event and hand it to the courier; events older than 30 days leave."""
        teller = self.platform or self
        endpoints = [
            row["id"]
            for row in teller.webhook_endpoints.rows.values()
            if wants(row, event["type"]) and teller.hidden(row["id"])["connect"] is (self.platform is not None)
        ]
        event["pending_webhooks"] = len(endpoints)
        self.events.save(event)
        while self.now() - next(iter(self.events.rows.values()))["created"] > EVENT_AGE_S:
            self.events.remove(next(iter(self.events.rows)))
        for endpoint in endpoints:
            teller.courier.send(event, endpoint)
        thin.tell(teller, event)

    def twin(self, event: Json) -> Json:
        """Return a second event for the same change, under an id of its own, already listed."""
        copy = snapshot(event)
        copy["id"] = self._event_id(event["data"]["object"])
        return self.events.save(copy)

    def _event_id(self, row: Json) -> str:
        if row["object"] in _STEMMED and row["id"].partition("_")[2].startswith("3"):
            return self.ids.on_stem("evt", stem_of(row["id"]))
        return self.ids.new("evt", "1")


def wants(endpoint: Json, kind: str) -> bool:
    """Tell whether a webhook endpoint is to be told about a type of event."""
    return endpoint["status"] == "enabled" and ("*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"])


def snapshot(row: Json) -> Json:
    """Return a copy that later changes do not reach."""
    copied: Any = json.loads(json.dumps(row))
    return dict(copied)


def changed(row: Json, before: Json) -> Json:
    """Return Stripe's `previous_attributes`: the former values of what differs; a hash shows its differing keys."""
    previous: Json = {}
    for key, value in row.items():
        old = before.get(key)
        if old == value:
            continue
        if isinstance(old, dict) and isinstance(value, dict):
            names = [name for name in {**old, **value} if old.get(name) != value.get(name)]
            previous[key] = {name: old.get(name) for name in names}
        else:
            previous[key] = old
    return previous
