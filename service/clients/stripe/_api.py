"""One Stripe account, through the official synchronous client in threads of its own.

Refuses to write without an idempotency key (the library would invent one, and a second try would charge twice), to
retry by itself, and to follow the library's API version: the version is pinned here.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from operator import attrgetter
from typing import Any, Protocol, TypeVar

import stripe
from opentelemetry.trace import Span
from stripe import StripeObject

from service import config
from service.clients._calls import Calls
from service.clients.stripe._errors import LIMITED, UNAVAILABLE, translate
from service.clients.stripe._keys import Purpose, StripeKeys
from service.clock import Clock
from service.errors import VendorRejected, VendorUnavailable

T = TypeVar("T")

API_VERSION = "2026-10-28.endive"
MAX_KEY_CHARACTERS = 255  # docs.stripe.com/api/idempotent_requests
_LIMITED_PAUSE = timedelta(seconds=1)  # Stripe counts by the second and seldom says more (docs.stripe.com/rate-limits)
PAGE_SIZE = 100  # docs.stripe.com/api/pagination

# Where each object type lives in the client. A type that is not here is refused, not guessed.
_SERVICES = {
    "balance_transaction": "balance_transactions",
    "charge": "charges",
    "checkout.session": "checkout.sessions",
    "credit_note": "credit_notes",
    "customer": "customers",
    "dispute": "disputes",
    "event": "events",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "payment_intent": "payment_intents",
    "payment_link": "payment_links",
    "payment_method": "payment_methods",
    "payout": "payouts",
    "price": "prices",
    "product": "products",
    "refund": "refunds",
    "setup_intent": "setup_intents",
    "subscription": "subscriptions",
    "webhook_endpoint": "webhook_endpoints",
}

# What can be done with an object that is there. An action that is not here is refused as well.
_ACTIONS = {
    "checkout.session": frozenset({"expire"}),
    "customer": frozenset({"update"}),
    "invoice": frozenset(
        {"add_lines", "finalize_invoice", "mark_uncollectible", "pay", "send_invoice", "void_invoice"}
    ),
    "payment_intent": frozenset({"cancel", "capture"}),
    "payment_link": frozenset({"update"}),
    "webhook_endpoint": frozenset({"update"}),
}

# How the library's names of actions differ from Stripe's addresses.
_ADDRESSES = {"finalize_invoice": "finalize", "send_invoice": "send", "void_invoice": "void", "update": None}

# What says where Stripe sends its events: the business of the set-up key, also to read.
_SET_UP = frozenset({"webhook_endpoint"})

# What is listed below another object, whose id the parameters carry under this name.
_BELOW = {"line_item": ("invoices.line_items", "invoice")}

# The library measures our calls and reports them with the next one; Stripe needs no such report from us.
stripe.enable_telemetry = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One object as Stripe returned it.

    Attributes:
        body: the object as plain JSON values, client secrets included: never log it.
        as_of: UTC, whole seconds, from the answer's `Date` header.
        request_id: Stripe's id of the call.
        replayed: Stripe repeated the stored answer to an earlier call with the same key, so the body may be older
            than `as_of`: fetch the object before believing it over anything seen since.
    """

    body: dict[str, Any] = field(repr=False)
    as_of: datetime
    request_id: str | None
    replayed: bool


class Turns(Protocol):
    """Keeps an account's limits, whoever else asks it."""

    async def turn(self, endpoint: str) -> timedelta | None:
        """Wait for a turn; return how long to stay away when it is too far off."""
        ...

    async def hold(self, pause: timedelta) -> None:
        """Give nobody a turn for a while."""
        ...


class StripeApi:
    """One entity's Stripe account.

    Every call raises VendorUnavailable (outcome unknown: repeat with the same key), VendorDenied (401, 403),
    VendorRejected (400, 404) or PaymentDeclined (402), and nothing else of Stripe's.

    Args:
        entity: name of the legal entity, for traces and error messages.
        account: its settings.
        clock: used only where an answer carries no date.
        turns: makes each call wait for its turn; None: nobody else asks this account, and little is asked.

    Raises:
        ConfigurationError: a key cannot be read, or is of the other mode than the settings say.
    """

    api_version: str = API_VERSION

    def __init__(self, entity: str, account: config.StripeAccount, clock: Clock, turns: Turns | None = None) -> None:
        self._entity = entity
        self._clock = clock
        self._turns = turns
        self._keys = StripeKeys(entity, account, API_VERSION)
        self._calls = Calls("stripe", unavailable=UNAVAILABLE, translate=translate, name=entity)

    async def create(self, object_type: str, params: dict[str, Any], *, idempotency_key: str) -> Answer:
        """Create an object, at most once for a key (which Stripe keeps for at least 24 hours).

        Raises:
            ValueError: the key is empty or longer than 255 characters.
        """
        _require_key(idempotency_key)
        service = self._service(object_type, Purpose.COMMAND)

        def call(current: Span) -> Answer:
            return self._answer(service.create(params, {"idempotency_key": idempotency_key}), current)

        return await self._run("create", object_type, call, {"stripe.idempotency_key": idempotency_key})

    async def act(
        self, object_type: str, action: str, object_id: str, params: dict[str, Any], *, idempotency_key: str
    ) -> Answer:
        """Do something with an object, such as capture a payment intent, at most once for a key; return the object.

        Raises:
            ValueError: the key is empty or longer than 255 characters, or there is no such action.
        """
        _require_key(idempotency_key)
        if action not in _ACTIONS.get(object_type, ()):
            raise ValueError(f"there is no {action!r} of {object_type!r}")
        do = getattr(self._service(object_type, Purpose.COMMAND), action)

        def call(current: Span) -> Answer:
            return self._answer(do(object_id, params, {"idempotency_key": idempotency_key}), current)

        attributes = {"stripe.object_id": object_id, "stripe.idempotency_key": idempotency_key}
        return await self._run(action, object_type, call, attributes)

    async def retrieve(self, object_type: str, object_id: str, *, expand: Sequence[str] = ()) -> Answer:
        """Read one object as it is now; a deleted one comes with `deleted: true` where Stripe keeps a tombstone."""
        service = self._service(object_type, Purpose.READ)
        params = {"expand": list(expand)} if expand else {}

        def call(current: Span) -> Answer:
            return self._answer(service.retrieve(object_id, params), current)

        return await self._run("retrieve", object_type, call, {"stripe.object_id": object_id})

    async def list(self, object_type: str, params: dict[str, Any], *, limit: int) -> list[Answer]:
        """Read up to `limit` objects in Stripe's order (newest first, lines in theirs), page after page.

        Lines ("line_item") are those of the invoice whose id `params` carries as "invoice".
        """
        if limit < 1:
            raise ValueError("limit must be at least 1")
        listing, loop = self._listing(object_type, params), asyncio.get_running_loop()

        def call(current: Span) -> list[Answer]:
            found: list[Answer] = []
            page = listing(min(limit, PAGE_SIZE))
            while True:
                head = self._answer(page, current)
                found += [Answer(item.to_dict(for_json=True), head.as_of, head.request_id, False) for item in page.data]
                if len(found) >= limit or not page.has_more or not page.data:
                    return found[:limit]
                if self._turns is not None:
                    asyncio.run_coroutine_threadsafe(self._turn(f"{object_type}.list"), loop).result()
                page = page.next_page()

        return await self._run("list", object_type, call, {})

    @property
    def own_keys(self) -> tuple[Purpose, ...]:
        """The purposes that have a key of their own."""
        return self._keys.own

    async def account(self, purpose: Purpose = Purpose.COMMAND) -> dict[str, Any]:
        """Read the account the key of a purpose belongs to."""
        client = self._keys.client(purpose)

        def call(current: Span) -> Answer:
            return self._answer(client.v1.accounts.retrieve_current(), current)

        return (await self._run("account", "account", call, {})).body

    def close(self) -> None:
        """Take no more calls."""
        self._calls.close()

    def _listing(self, object_type: str, params: dict[str, Any]) -> Callable[[int], Any]:
        if object_type not in _BELOW:
            service = self._service(object_type, Purpose.READ)
            return lambda size: service.list({**params, "limit": size})
        path, above = _BELOW[object_type]
        rest = {name: value for name, value in params.items() if name != above}
        service = attrgetter(path)(self._keys.client(Purpose.READ).v1)
        return lambda size: service.list(params[above], {**rest, "limit": size})

    def _service(self, object_type: str, purpose: Purpose) -> Any:
        path = _SERVICES.get(object_type)
        if path is None:
            raise VendorRejected(
                f"objects of type {object_type!r} cannot be fetched",
                vendor="stripe",
                code="object_type_unknown",
                reason="STRIPE_REJECTED",
            )
        return attrgetter(path)(self._keys.client(Purpose.SETUP if object_type in _SET_UP else purpose).v1)

    async def _run(self, operation: str, object_type: str, call: Callable[[Span], T], attributes: dict[str, str]) -> T:
        common = {"counterfoil.entity": self._entity, "stripe.object_type": object_type}
        await self._turn(f"{object_type}.{operation}")
        try:
            return await self._calls.run(operation, common | attributes, call)
        except VendorUnavailable as error:
            if error.reason == LIMITED and self._turns is not None:
                # Asked too often, by whomever: all wait. A lock, which comes with the same status, is of one object.
                await self._turns.hold(error.retry_after or _LIMITED_PAUSE)
            raise

    async def _turn(self, endpoint: str) -> None:
        away = await self._turns.turn(endpoint) if self._turns is not None else None
        if away is not None:
            raise VendorUnavailable(
                "more is asked of Stripe than its limits allow", vendor="stripe", reason=LIMITED, retry_after=away
            )

    def _answer(self, found: StripeObject, current: Span) -> Answer:
        response = found.last_response
        headers = response.headers if response else {}
        request_id = headers.get("Request-Id")
        if response:
            current.set_attribute("http.response.status_code", response.code)
        if request_id:
            current.set_attribute("vendor.request_id", request_id)
        return Answer(
            body=found.to_dict(for_json=True),
            as_of=self._moment(headers.get("Date")),
            request_id=request_id,
            replayed=headers.get("Idempotent-Replayed") == "true",
        )

    def _moment(self, header: str | None) -> datetime:
        try:
            return parsedate_to_datetime(header or "").astimezone(UTC)
        except ValueError:
            return self._clock.now().replace(microsecond=0)


def _require_key(idempotency_key: str) -> None:
    if not idempotency_key or len(idempotency_key) > MAX_KEY_CHARACTERS:
        raise ValueError("a write to Stripe needs an idempotency key of 1 to 255 characters")


def path_of(object_type: str, object_id: str | None = None, action: str | None = None) -> str:
    """Return the path of Stripe's to which an object is posted, or something is done with one."""
    parts = ["/v1", *_SERVICES[object_type].split("."), object_id, _ADDRESSES.get(action, action) if action else None]
    return "/".join(part for part in parts if part)
