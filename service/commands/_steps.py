"""What every operation's steps stand on; run again from the top, they skip what is recorded.

Each Stripe call is recorded before it is made and again with its result. A step in doubt is settled by its idempotency
key; one that is older than Stripe remembers keys looks for its effect before it repeats the call.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from service import telemetry
from service.clients import Answer, StripeApi
from service.clock import Clock
from service.commands import _ledger as ledger
from service.commands._bounds import bound, refuse_closed
from service.commands._ledger import Call, Command, CommandState, Outcome
from service.commands._payment import decline_in
from service.commands._request import idempotency_key
from service.commands._sights import sight_of
from service.commands._terms import TermsReader
from service.config import Installation
from service.db import Database, Transaction, Wakes
from service.domain import Carried, Evidence, Observation
from service.errors import Refused, VendorRejected, VendorUnavailable
from service.intake import observe, sight

# Stripe forgets a key after 24 hours (docs.stripe.com/api/idempotent_requests); an hour less is safe.
KEY_MEMORY = timedelta(hours=23)
_SEARCH_LIMIT = 1000
# Payment links have no time of creation (docs.stripe.com/api/payment-link), so all of them are looked through: the
# newest first, where a link that is in doubt nearly always is.
_UNDATED = frozenset({"payment_link"})
_UNDATED_LIMITS = (100, 20_000)
_UNAVAILABLE = "STRIPE_UNAVAILABLE"
_KEY_USED = "STRIPE_IDEMPOTENCY_MISMATCH"
_CLOCK_MARGIN = timedelta(hours=1)
# By these a listing is narrowed to what a call could have made.
_NARROWING = ("customer", "invoice", "payment_intent")
Params = dict[str, Any]
Settled = tuple[Outcome, list[Answer]]
Created = Literal["customer", "payment_intent", "checkout.session", "payment_link", "refund", "invoice", "credit_note"]
CREATED_TYPES: tuple[str, ...] = get_args(Created)
"""All that is ever made in Stripe: the key needs these permissions to write."""


class Waits(Exception):
    """The command goes on when somebody has decided, or another run was faster; nothing is to be done now."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing to be done once in Stripe: how to do it, and how to find it done.

    `do` makes the call with the parameters that were recorded first; `find` returns the object as the call left it, or
    None. `shared` is an effect that several commands may need, with parameters that may differ. `object_id` is what
    something is done with.
    """

    object_type: str
    step: str
    params: Params
    key: str
    do: Callable[[Call], Awaitable[Answer]]
    find: Callable[[Call], Awaitable[Answer | None]]
    shared: bool = False
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Steps:
    """What steps need; one object serves every command."""

    database: Database
    wakes: Wakes
    clock: Clock
    installation: Installation
    stripe: Mapping[str, StripeApi]
    terms: Mapping[str, TermsReader]

    async def fix_terms(self, command: Command, read: Callable[[], Awaitable[Params]]) -> Params:
        """Return the terms kept from the first run, or read and keep them: a retry does what was asked first.

        Raises:
            Refused: PERIOD_CLOSED, LIMIT_EXCEEDED or APPROVAL_REQUIRED; nothing was kept.
            Waits: a second person has to agree first.
        """
        if command.terms is not None:
            return command.terms
        terms = await self.read_terms(command, read)
        async with self.database.transaction() as tx:
            changed = await self._fix(tx, command, terms)
        self.wakes.signal("mirror")
        if changed.state is not CommandState.RUNNING or changed.terms is None:
            raise Waits
        return changed.terms

    async def read_terms(self, command: Command, read: Callable[[], Awaitable[Params]]) -> Params:
        """Read the terms, unless they belong to a closed period."""
        entity = self.installation.entities[command.entity]
        refuse_closed(entity, command.created_at.date(), "it was asked")
        terms = await read()
        dated = terms.get("dated")
        refuse_closed(entity, date.fromisoformat(dated) if dated else None, "the record is dated")
        return terms

    async def _fix(self, tx: Transaction, command: Command, terms: Params) -> Command:
        """Keep the terms, unless another run was faster; whether they may be carried out is decided with them."""
        current = await ledger.get(tx, command.id, lock=True) or command
        if current.terms is not None or not current.state.under_way:
            return current
        now, entity = self.clock.now(), self.installation.entities[command.entity]
        pending = await bound(tx, command, terms, entity=entity, now=now)
        changed = await ledger.fix_terms(tx, command, terms, now=now, pending=pending)
        await observe(tx, [sight_of(changed)], now=now)
        return changed

    async def make(
        self, command: Command, object_type: Created, params: Params, key: str, *, shared: bool = False
    ) -> str:
        """Make one object, once for ever, and observe it; return its id."""
        stripe = self.stripe[command.entity]

        async def do(call: Call) -> Answer:
            return await stripe.create(object_type, call.parameters, idempotency_key=key)

        async def find(call: Call) -> Answer | None:
            return await self.search(command, object_type, call.parameters, key, since=call.begun_at)

        return await self.once(command, Effect(object_type, object_type, params, key, do, find, shared))

    async def act(
        self,
        command: Command,
        action: tuple[str, str],
        object_id: str,
        params: Params,
        key: str,
        *,
        done: Callable[[Mapping[str, Any]], bool],
        told: Callable[[Call], Awaitable[bool]] | None = None,
    ) -> str:
        """Do something with an object, once for ever, and observe it; return its id.

        Args:
            command: for which.
            action: the object's type and the action, such as ("payment_intent", "capture").
            object_id: the object.
            params: the action's parameters.
            key: its idempotency key.
            done: tells from the object whether the action was done, when nobody remembers the call.
            told: asks elsewhere whether it was, where the object does not tell.
        """
        stripe = self.stripe[command.entity]
        object_type, verb = action

        async def do(call: Call) -> Answer:
            return await stripe.act(object_type, verb, object_id, call.parameters, idempotency_key=key)

        async def find(call: Call) -> Answer | None:
            found = await stripe.retrieve(object_type, object_id)
            return found if done(found.body) or (told is not None and await told(call)) else None

        return await self.once(
            command, Effect(object_type, f"{object_type}.{verb}", params, key, do, find, object_id=object_id)
        )

    async def once(self, command: Command, effect: Effect) -> str:
        """Have an effect once for ever, and observe it; return the id of its object."""
        async with self.database.transaction() as tx:
            call = await ledger.begin_call(
                tx, command, key=effect.key, step=effect.step, parameters=effect.params, now=self.clock.now()
            )
        if not effect.shared:
            _refuse_other(call, command, effect)
        if call.result_id is not None:
            return call.result_id
        # A request asked long ago may have been carried out already if the database was restored from an older state:
        # Salesforce then repeats up to three days of events.
        asked = min(call.begun_at, command.created_at)
        forgotten = self.clock.now() - asked >= KEY_MEMORY
        answer = await effect.find(call) if forgotten else None
        if answer is None:
            answer = await self._do(call, effect)
        if answer.replayed:
            # The stored answer may be old: what it made is known by now to have gone on.
            answer = await self.stripe[command.entity].retrieve(effect.object_type, answer.body["id"])
        return await self._finish(call, command, answer)

    async def _do(self, call: Call, effect: Effect) -> Answer:
        try:
            return await effect.do(call)
        except VendorRejected as error:
            # A key used with other parameters was used by us, before our rows were lost: what it did is there.
            answer = await effect.find(call) if error.reason == _KEY_USED else None
            if answer is None:
                async with self.database.transaction() as tx:
                    await ledger.forget_call(tx, call)
                raise
            return answer
        except VendorUnavailable as error:
            # Stripe keeps a fault of its own under the key, so the same call only brings the same fault again
            # (docs.stripe.com/api/idempotent_requests), although the object may exist.
            answered = error.reason == _UNAVAILABLE and error.request_id is not None
            answer = await effect.find(call) if answered else None
            if answer is None:
                raise
            return answer

    async def search(
        self, command: Command, object_type: Created, params: Params, key: str, *, since: datetime | None = None
    ) -> Answer | None:
        """Find the object that carries the key of a call, among those that a command could have made.

        Raises:
            PaymentDeclined: it is a payment that the bank refused when it was made.
        """
        asked = min(since or command.created_at, command.created_at)
        undated = object_type in _UNDATED
        wanted: Params = {} if undated else {"created": {"gte": int((asked - _CLOCK_MARGIN).timestamp())}}
        wanted |= {name: params[name] for name in _NARROWING if name in params}
        made: Answer | None = None
        for limit in _UNDATED_LIMITS if undated else (_SEARCH_LIMIT,):
            found = await self.stripe[command.entity].list(object_type, wanted, limit=limit)
            made = next((one for one in found if _effect_key(one) == key), None)
            if made is not None or len(found) < limit:
                break
        if made is not None and params.get("confirm") and (refusal := decline_in(made.body)):
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

    async def see(self, command: Command, answer: Answer) -> None:
        """Observe what was only looked at."""
        async with self.database.transaction() as tx:
            observed = await observe(tx, self.sights(command, answer), now=self.clock.now())
        self.wakes.signal("mirror")
        if observed.fetch:
            self.wakes.signal("fetch")

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


def carried(command: Command, subject: str, step: str) -> tuple[str, dict[str, str]]:
    """Return the idempotency key of a step, and what an object that is made carries for Stripe's news to find home.

    `subject` is what the business version counts for: the record, or the object that something is done with.
    """
    key = idempotency_key(command.entity, subject, command.operation, command.version, step)
    trace = telemetry.current_traceparent()
    known: dict[str, str] = {Carried.EFFECT: key, Carried.REQUEST: command.id}
    known |= {Carried.RECORD: command.record_id} if command.record_id else {}
    return key, known | ({Carried.TRACE: trace} if trace else {})


def succeeded(**results: str | None) -> Outcome:
    """Return the outcome of what Stripe took; `results` are ids, by the ledger's names."""
    return Outcome(CommandState.SUCCEEDED, results=results)


def _refuse_other(call: Call, command: Command, effect: Effect) -> None:
    """Refuse what another command did or does under the same key with other parameters.

    It named the record where this one names the object, or the reverse: both mean one business action.
    """
    if call.command_id == command.id:
        return
    theirs, ours = ({**one, "metadata": None} for one in (call.parameters, effect.params))
    if theirs != ours:
        raise Refused(
            f"version {command.version} of this action was asked before with other parameters: ask with a new version",
            reason="COMMAND_CONFLICT",
            metadata={"command_id": call.command_id, "version": command.version},
        )


def _effect_key(answer: Answer) -> str | None:
    metadata = answer.body.get("metadata") or {}
    key = metadata.get(Carried.EFFECT)
    return key if isinstance(key, str) else None
