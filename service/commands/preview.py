"""Dry runs: what a request would ask of Stripe, found by its own steps, with every write told instead of made.

The steps read Salesforce, Stripe and our tables as always; whoever tries to write to Stripe by another way than the
recorded one is refused. Texts that may name people are left out. A step that needs Stripe's answer to a call that was
not made ends the list, and the list says so.
"""

from dataclasses import dataclass, field
from typing import Any, NoReturn, cast

import orjson

from service.clients import Answer, StripeApi, path_of
from service.commands import _ledger as ledger
from service.commands._bounds import bound
from service.commands._ledger import Command
from service.commands._operations import OPERATIONS
from service.commands._steps import Done, Effect, Params, Steps
from service.redaction import without_people

_LEFT_OUT = "(left out)"
_NOT_MADE = "(id of the new "


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that would be made; `parameters` without personal data."""

    method: str
    path: str
    parameters: dict[str, Any]
    idempotency_key: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a request would lead to.

    Attributes:
        calls: in their order.
        complete: False if further calls depend on what Stripe would answer to these.
        amount_minor: what it comes to, in minor units of `currency`; None if it has no amount.
        currency: in capital letters.
        waits: why a second person would be asked first; None if nobody is.
        known: the request that has the same action already, and whose outcome would be the answer.
    """

    calls: tuple[PlannedCall, ...]
    complete: bool
    amount_minor: int | None = None
    currency: str | None = None
    waits: str | None = None
    known: Command | None = None

    def text(self) -> str:
        """Return it for a person to read."""
        lines = [f"asked before as {self.known.id}: nothing new would be done"] if self.known else []
        lines += [self.waits] if self.waits else []
        for number, call in enumerate(self.calls, 1):
            lines.append(f"{number}. {call.method} {call.path}  Idempotency-Key: {call.idempotency_key}")
            parameters = orjson.dumps(call.parameters, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()
            lines += [f"   {line}" for line in parameters.splitlines()]
        if not self.complete:
            lines.append("further calls depend on what Stripe answers to these")
        return "\n".join(lines or ["nothing would be asked of Stripe"])


class _Open(Exception):
    """What comes next depends on an object that was not made."""


class _Reads:
    """One account of Stripe's, of which is only read."""

    def __init__(self, stripe: StripeApi) -> None:
        self._stripe = stripe

    async def retrieve(self, object_type: str, object_id: str, **more: Any) -> Answer:
        if object_id.startswith(_NOT_MADE):
            raise _Open
        return await self._stripe.retrieve(object_type, object_id, **more)

    async def list(self, object_type: str, params: dict[str, Any], *, limit: int) -> list[Answer]:
        if any(str(value).startswith(_NOT_MADE) for value in params.values()):
            raise _Open
        return await self._stripe.list(object_type, params, limit=limit)

    async def create(self, *_args: Any, **_more: Any) -> NoReturn:
        raise RuntimeError("a dry run made a call")

    act = create


@dataclass(frozen=True, slots=True)
class _Rehearsal(Steps):
    calls: list[PlannedCall] = field(default_factory=list)
    terms_read: dict[str, Any] = field(default_factory=dict)

    async def fix_terms(self, command: Command, read: Any) -> Params:
        terms: Params = orjson.loads(orjson.dumps(await self.read_terms(command, read)))
        async with self.database.read() as tx:
            pending = await bound(
                tx, command, terms, entity=self.installation.entities[command.entity], now=self.clock.now()
            )
        self.terms_read.update(terms, waits=(pending or {}).get("message"))
        return terms

    async def once(self, command: Command, effect: Effect) -> Done:  # noqa: ARG002  (the steps' own form)
        verb = effect.step.removeprefix(effect.object_type).removeprefix(".") or None
        path = path_of(effect.object_type, effect.object_id, verb)
        sent = orjson.loads(orjson.dumps(effect.params, option=orjson.OPT_NON_STR_KEYS))
        self.calls.append(PlannedCall("POST", path, without_people(sent, _LEFT_OUT), effect.key))
        return Done(effect.object_id or f"{_NOT_MADE}{effect.object_type})")

    async def see(self, command: Command, answer: Answer) -> None:
        """Keep nothing of what was read."""


async def rehearse(steps: Steps, command: Command) -> Preview:
    """Go through the steps of a command that is not in the ledger, or not to be carried out.

    Raises:
        Refused or VendorError: as carrying it out would.
    """
    async with steps.database.read() as tx:
        known = await ledger.find(tx, command)
    if known is not None:
        return Preview((), complete=True, amount_minor=known.amount_minor, currency=known.currency, known=known)
    reads = {name: cast("StripeApi", _Reads(stripe)) for name, stripe in steps.stripe.items()}
    rehearsal = _Rehearsal(steps.database, steps.wakes, steps.clock, steps.installation, reads, steps.terms)
    complete = True
    try:
        await OPERATIONS[command.operation].steps(rehearsal, command)
    except _Open:
        complete = False
    terms = rehearsal.terms_read
    currency = str(terms["currency"]).upper() if terms.get("currency") else None
    return Preview(tuple(rehearsal.calls), complete, terms.get("amount_minor"), currency, terms.get("waits"))
