"""Carrying out `create_payment`, step by step; run again from the top, it skips what is recorded.

Each Stripe call is recorded before it is made and again with its result. A step in doubt is settled by its idempotency
key; one that is older than Stripe remembers keys looks for its effect before it repeats the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from service import mirror, telemetry
from service.clients import Answer, StripeApi
from service.clock import Clock
from service.commands import _ledger as ledger
from service.commands._ledger import Call, Command, CommandState, Outcome
from service.commands._payment import customer_params, decline_in, declined, intent_params, metadata, session_params
from service.commands._request import CREATE_CUSTOMER, idempotency_key
from service.commands._terms import Terms, TermsReader
from service.config import Installation
from service.db import Database, Wakes
from service.domain import Carried, Evidence, Observation
from service.errors import Conflict, PaymentDeclined, Refused, VendorRejected, VendorUnavailable
from service.intake import observe, sight

# Stripe forgets a key after 24 hours (docs.stripe.com/api/idempotent_requests); an hour less is safe.
KEY_MEMORY = timedelta(hours=23)
_SEARCH_LIMIT = 1000
_UNAVAILABLE = "STRIPE_UNAVAILABLE"
_KEY_USED = "STRIPE_IDEMPOTENCY_MISMATCH"
_CLOCK_MARGIN = timedelta(hours=1)
Settled = tuple[Outcome, list[Answer]]
Created = Literal["customer", "payment_intent", "checkout.session"]
CREATED_TYPES: tuple[str, ...] = get_args(Created)
"""All that is ever made in Stripe: the key needs these permissions to write."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps and what they need; one object serves every command."""

    database: Database
    wakes: Wakes
    clock: Clock
    installation: Installation
    stripe: Mapping[str, StripeApi]
    terms: Mapping[str, TermsReader]

    async def create_payment(self, command: Command) -> Settled:
        """Make the payment; return how the command ends and what of Stripe's is still to be observed.

        Raises:
            Refused or VendorRejected: not possible as asked; nothing happened in Stripe.
            VendorError: try again.
        """
        terms = await self._fix_terms(command)
        customer = await self._customer(command, terms)
        match command.method:
            case "off_session":
                return await self._off_session(command, terms, customer)
            case "unconfirmed":
                key, carried = _carried(command, terms, "payment_intent")
                made = await self._create(command, "payment_intent", intent_params(terms, customer, carried, None), key)
                return _succeeded(payment_intent_id=made), []
            case _:
                entity = self.installation.entities[command.entity]
                key, carried = _carried(command, terms, "checkout.session")
                params = session_params(command, terms, customer, carried, entity)
                made = await self._create(command, "checkout.session", params, key)
                return _succeeded(checkout_session_id=made), []

    async def recheck(self, command: Command) -> None:
        """Compare a settled command with its record as it is now.

        Raises:
            Conflict: the record's terms have changed; the text gives both amounts. Nothing was done.
        """
        if command.terms is None:
            return
        before = Terms(**command.terms)
        now = await self._read(command)
        if now.binding() != before.binding():
            raise Conflict(
                f"version {command.version} was asked for {before.amount_minor} {before.currency.upper()} and the "
                f"record now says {now.amount_minor} {now.currency.upper()} (minor units): ask with a new version",
                metadata={"command_id": command.id, "version": command.version},
            )

    async def _read(self, command: Command) -> Terms:
        customer_field = self.installation.entities[command.entity].customer_field
        return await self.terms[command.org].read(command.record_id, customer_field=customer_field)

    async def _fix_terms(self, command: Command) -> Terms:
        """Return the terms kept from the first run, or read and keep them."""
        if command.terms is not None:
            return Terms(**command.terms)
        terms = await self._read(command)
        async with self.database.transaction() as tx:
            changed = await ledger.fix_terms(tx, command, terms.stored())
            await observe(tx, [ledger.sight_of(changed)], now=self.clock.now())
        self.wakes.signal("mirror")
        return terms

    async def _customer(self, command: Command, terms: Terms) -> str:
        """Return the Account's customer: the one it names, the one we made for it, or a new one, made once."""
        if terms.customer_id:
            return terms.customer_id
        async with self.database.read() as tx:
            known = await mirror.find(tx, entity=command.entity, object_type="customer", record_id=terms.account_id)
        if known is not None:
            return known.object_id
        # The key is the Account's, not the command's: two commands for one new Account make one customer.
        key = idempotency_key(command.entity, terms.account_id, CREATE_CUSTOMER, "1", "customer")
        params = customer_params(terms, key, telemetry.current_traceparent())
        return await self._create(command, "customer", params, key)

    async def _off_session(self, command: Command, terms: Terms, customer: str) -> Settled:
        method = command.payment_method_id or await self._saved_method(command, customer)
        key, carried = _carried(command, terms, "payment_intent")
        params = intent_params(terms, customer, carried, method)
        try:
            made = await self._create(command, "payment_intent", params, key)
        except PaymentDeclined as error:
            intent = str((error.payment_intent or {}).get("id") or "")
            # A decline may be the replay of an old answer: what the intent is now is read afresh.
            seen = [await self.stripe[command.entity].retrieve("payment_intent", intent)] if intent else []
            return declined(error, intent or None), seen
        return _succeeded(payment_intent_id=made), []

    async def _saved_method(self, command: Command, customer: str) -> str:
        stripe = self.stripe[command.entity]
        body = (await stripe.retrieve("customer", customer)).body
        default = (body.get("invoice_settings") or {}).get("default_payment_method")
        if default:
            return str(default)
        saved = await stripe.list("payment_method", {"customer": customer}, limit=2)
        if len(saved) == 1:
            return str(saved[0].body["id"])
        raise Refused(
            f"the customer has {'several saved payment methods and no default' if saved else 'no saved payment method'}"
            ": name one in payment_method_id, or ask with hosted_checkout",
            reason="NO_PAYMENT_METHOD",
        )

    async def _create(self, command: Command, object_type: str, params: dict[str, Any], key: str) -> str:
        """Make one object, once for ever, and observe it; return its id."""
        async with self.database.transaction() as tx:
            call = await ledger.begin_call(
                tx, command, key=key, step=object_type, parameters=params, now=self.clock.now()
            )
        if call.result_id is not None:
            return call.result_id
        stripe = self.stripe[command.entity]
        answer = await self._effect_of(call, command, object_type)
        if answer is None:
            try:
                answer = await stripe.create(object_type, call.parameters, idempotency_key=key)
            except VendorRejected as error:
                # A key used with other parameters was used by us, before our rows were lost: what it made is there.
                used = error.reason == _KEY_USED
                answer = await self._search(call, command, object_type) if used else None
                if answer is None:
                    async with self.database.transaction() as tx:
                        await ledger.forget_call(tx, call)
                    raise
            except VendorUnavailable as error:
                answer = await self._effect_despite(error, call, command, object_type)
                if answer is None:
                    raise
        if answer.replayed:
            # The stored answer may be old: what it made is known by now to have gone on.
            answer = await stripe.retrieve(object_type, answer.body["id"])
        return await self._finish(call, command, answer)

    async def _effect_of(self, call: Call, command: Command, object_type: str) -> Answer | None:
        """Look for what was made under a key that Stripe has forgotten: by an old call of ours, or before our rows.

        A request asked long ago may have been carried out already if the database was restored from an older state:
        Salesforce then repeats up to three days of events.
        """
        asked = min(call.begun_at, command.created_at)
        if self.clock.now() - asked < KEY_MEMORY:
            return None
        return await self._search(call, command, object_type)

    async def _effect_despite(
        self, error: VendorUnavailable, call: Call, command: Command, object_type: str
    ) -> Answer | None:
        """Look for what was made by a call that Stripe answered with a fault of its own.

        Stripe keeps that answer under the key, so the same call only brings the same fault again
        (docs.stripe.com/api/idempotent_requests), although the object may exist.
        """
        answered = error.reason == _UNAVAILABLE and error.request_id is not None
        return await self._search(call, command, object_type) if answered else None

    async def _search(self, call: Call, command: Command, object_type: str) -> Answer | None:
        """Find the object that carries the key of a call.

        Raises:
            PaymentDeclined: it is a payment that the bank refused when it was made.
        """
        asked = min(call.begun_at, command.created_at)
        params: dict[str, Any] = {"created": {"gte": int((asked - _CLOCK_MARGIN).timestamp())}}
        if "customer" in call.parameters:
            params["customer"] = call.parameters["customer"]
        found = await self.stripe[command.entity].list(object_type, params, limit=_SEARCH_LIMIT)
        made = next((one for one in found if _effect_key(one) == call.idempotency_key), None)
        if made is not None and call.parameters.get("confirm") and (refusal := decline_in(made.body)):
            raise refusal
        return made

    async def _finish(self, call: Call, command: Command, answer: Answer) -> str:
        made = str(answer.body["id"])
        now = self.clock.now()
        async with self.database.transaction() as tx:
            await ledger.finish_call(tx, call, result_id=made, stripe_request=answer.request_id, now=now)
            observed = await observe(tx, self.sights(command, answer), now=now)
        self.wakes.signal("mirror")
        if observed.fetch:
            self.wakes.signal("fetch")
        return made

    def sights(self, command: Command, answer: Answer) -> list[Observation]:
        """Return what an answer shows, as observations in the command's trace."""
        return sight(
            command.entity,
            answer.body,
            as_of=answer.as_of,
            evidence=Evidence.ANSWER,
            now=self.clock.now(),
            traceparent=command.traceparent,
            cause=answer.request_id,
        )


def _carried(command: Command, terms: Terms, step: str) -> tuple[str, dict[str, str]]:
    """Return the idempotency key of a step, and the metadata its object carries."""
    key = idempotency_key(command.entity, command.record_id, command.operation, command.version, step)
    return key, metadata(command, terms, key, telemetry.current_traceparent())


def _effect_key(answer: Answer) -> str | None:
    carried = answer.body.get("metadata") or {}
    key = carried.get(Carried.EFFECT)
    return key if isinstance(key, str) else None


def _succeeded(**results: str | None) -> Outcome:
    return Outcome(CommandState.SUCCEEDED, results=results)
