"""The door of the ledger: accept a request once, carry it out, wait for its end."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson

from service import audit, telemetry
from service.clients import Answer
from service.commands import _ledger as ledger
from service.commands._audited import asked, done
from service.commands._bounds import require_known
from service.commands._ledger import DECISION, DRY_RUN, Command, CommandState, Outcome
from service.commands._operations import OPERATIONS, checked
from service.commands._request import Request
from service.commands._sights import sight_of
from service.commands._steps import Steps, Waits
from service.commands._succession import newest, renew, renews
from service.commands._tasks import defer
from service.commands._words import in_words
from service.commands.preview import Preview, rehearse
from service.db import Database, Transaction, Wakes
from service.domain import retry_delay
from service.errors import Conflict, NotFound, Refused, Unreadable, VendorDenied, VendorError, VendorRejected
from service.intake import observe

_FIRST_DELAY = timedelta(seconds=1)
_LONGEST_DELAY = timedelta(minutes=5)
_POLL_SECONDS = 1.0
# A refused request reads its record anew: what it comes to, and whether a second person has to agree, is open again.
_UNREAD: dict[str, None] = dict.fromkeys(
    ("terms", "amount_minor", "currency", "counted_at", "approval", "approval_due_at", *DECISION)
)


class TryAgain(Exception):
    """A command could not be carried out now; its task is to run again after `delay`."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__()
        self.delay = delay


@dataclass(frozen=True, slots=True)
class Accepted:
    """A command, and what the request was to it."""

    command: Command
    replayed: bool
    same_request: bool


class Commands:
    """Accepts requests and carries them out. `steps` holds the vendors; every state change is observed.

    Raises:
        ConfigurationError: a limit is one of no operation.
    """

    def __init__(self, steps: Steps, *, attempts_limit: int) -> None:
        require_known(steps.installation.entities, OPERATIONS)
        self._steps = steps
        self._attempts_limit = attempts_limit

    @property
    def _database(self) -> Database:
        return self._steps.database

    @property
    def _wakes(self) -> Wakes:
        return self._steps.wakes

    async def accept(self, request: Request) -> tuple[Command, bool]:
        """Record a request with a task to carry it out; True when it was asked before.

        Raises:
            InvalidRequest, NotFound (ENTITY_UNKNOWN), Conflict (the same action with other parameters, or a record
            whose amount, currency or account has changed since), Refused or VendorError while comparing.
        """
        async with self._database.transaction() as tx:
            accepted = await self.accept_in(tx, request, telemetry.current_traceparent())
        command = accepted.command
        if accepted.replayed and not accepted.same_request and command.state is CommandState.SUCCEEDED:
            await self._recheck(command)
        return command, accepted.replayed

    async def accept_in(self, tx: Transaction, request: Request, traceparent: str | None) -> Accepted:
        """Record a request in a transaction of the caller's."""
        request = checked(request)
        wanted = self._command(request, traceparent)
        if await ledger.add(tx, wanted):
            await audit.append(tx, [asked(wanted, request, self._steps.clock.now())])
            await defer(tx, wanted)
            await observe(tx, [sight_of(wanted)], now=self._steps.clock.now())
            return Accepted(wanted, replayed=False, same_request=True)
        known = await ledger.find(tx, wanted)
        if known is None or known.fingerprint != wanted.fingerprint:
            raise _conflict(wanted, known)
        same_request = request.request_id is not None and request.request_id == known.request_id
        known = await newest(tx, known)
        if not same_request and renews(self._steps.installation.entities[known.entity], known):
            known = await ledger.change(tx, known.id, repeated_by=request.asked_as or request.requested_by)
        if known.state in {CommandState.REFUSED, CommandState.FAILED}:
            known = await self._again(tx, known)
            await audit.append(tx, [asked(known, request, self._steps.clock.now())])
        return Accepted(known, replayed=True, same_request=same_request)

    async def accept_dry_in(self, tx: Transaction, request: Request, event_id: str, traceparent: str | None) -> None:
        """Record a dry run in a transaction of the caller's: it takes no version, and each one is told."""
        request = checked(request)
        mark = f"dry-run/{event_id}"
        command = replace(
            self._command(request, traceparent),
            version=mark[:80],
            request_id=mark,
            arguments={**request.arguments, DRY_RUN: request.version},
        )
        if await ledger.add(tx, command):
            await audit.append(tx, [asked(command, request, self._steps.clock.now())])
            await defer(tx, command)
            await observe(tx, [sight_of(command)], now=self._steps.clock.now())

    async def preview(self, request: Request) -> Preview:
        """Tell what a request would ask of Stripe, and do nothing.

        Raises:
            InvalidRequest, NotFound, Refused or VendorError: as carrying it out would.
        """
        return await rehearse(self._steps, self._command(checked(request), None))

    async def _dry_run(self, command: Command) -> Outcome:
        arguments = {name: value for name, value in command.arguments.items() if name != DRY_RUN}
        real = replace(command, version=command.dry_run or "", request_id=None, arguments=arguments)
        seen = await rehearse(self._steps, real)
        terms = {"planned_calls": seen.text(), "amount_minor": seen.amount_minor, "currency": seen.currency}
        told = {"terms": orjson.dumps(terms).decode(), "currency": seen.currency}
        return Outcome(CommandState.PREVIEWED, results=told)

    async def _again(self, tx: Transaction, command: Command) -> Command:
        """Take up a command that ended without an effect we know of. A refused one reads its record anew."""
        fresh = _UNREAD if command.state is CommandState.REFUSED else {}
        command = await ledger.change(
            tx, command.id, state=CommandState.ACCEPTED, reason=None, message=None, settled_at=None, **fresh
        )
        await defer(tx, command)
        await observe(tx, [sight_of(command)], now=self._steps.clock.now())
        return command

    def _command(self, request: Request, traceparent: str | None) -> Command:
        entity = self._steps.installation.entities.get(request.entity)
        if entity is None:
            raise NotFound(
                "this entity is not configured: name one of the configuration's entities", reason="ENTITY_UNKNOWN"
            )
        now, command_id = self._steps.clock.now(), f"cmd_{self._steps.clock.new_id().hex}"
        return Command(
            id=command_id,
            entity=request.entity,
            org=entity.org,
            operation=request.operation,
            record_id=request.record_id,
            subject=request.subject,
            version=request.version or command_id,
            fingerprint=request.fingerprint(),
            arguments=dict(request.arguments),
            request_id=request.request_id,
            requested_by=request.requested_by,
            source=request.source,
            terms=None,
            state=CommandState.ACCEPTED,
            reason=None,
            message=None,
            conflict=None,
            failure_code=None,
            failure_message=None,
            revision=1,
            payment_intent_id=None,
            checkout_session_id=None,
            result_id=None,
            traceparent=traceparent,
            created_at=min(request.asked_at or now, now),
            settled_at=None,
            asked_as=request.asked_as,
        )

    async def execute(self, command_id: str, *, attempts: int) -> None:
        """Carry a command out, or on. Safe to run twice, also at the same time.

        Raises:
            TryAgain: after a passing fault, until the attempts are used up; then the command ends as FAILED.
        """
        try:
            async with self._database.read() as tx:
                command = await ledger.get(tx, command_id)
        except Unreadable as error:
            telemetry.log().error("command.unreadable", command_id=command_id, key_id=error.key_id, alarm=True)
            raise TryAgain(_LONGEST_DELAY) from error
        if command is None:
            telemetry.log().error("command.unknown", command_id=command_id)
            return
        attributes = {"counterfoil.entity": command.entity, "counterfoil.command": command.id}
        with telemetry.span(f"command.{command.operation}", parent=command.traceparent, attributes=attributes):
            if command.state.under_way:
                await self._carry_out(command, attempts)
            else:
                await self._show_conflict(command)

    async def _carry_out(self, command: Command, attempts: int) -> None:
        answers: list[Answer] = []
        try:
            if command.dry_run is not None:
                outcome = await self._dry_run(command)
            else:
                outcome, answers = await OPERATIONS[command.operation].steps(self._steps, command)
        except Waits:
            self._wakes.signal(f"command:{command.id}")
            return
        except (Refused, VendorRejected) as error:
            outcome = Outcome(CommandState.REFUSED, error.reason, in_words(error))
        except Exception as error:
            if attempts + 1 < self._attempts_limit or isinstance(error, Unreadable):  # a person has to act
                telemetry.log().warning("command.again", command_id=command.id, error=type(error).__name__)
                raise TryAgain(self._delay(error, attempts)) from error
            telemetry.log().error("command.failed", command_id=command.id, error=type(error).__name__)
            known = error if isinstance(error, VendorError) else None
            outcome = Outcome(
                CommandState.FAILED,
                known.reason if known else "INTERNAL",
                known.message if known else "given up after many tries: ask again once the cause is mended",
            )
        async with self._database.transaction() as tx:
            current = await ledger.get(tx, command.id, lock=True)
            if current is None or not current.state.under_way:
                return  # another worker, taking this one for dead, was faster
            settled = await ledger.settle(tx, current, outcome, now=self._steps.clock.now())
            await audit.append(tx, [done(current, settled)])
            seen = [one for answer in answers for one in self._steps.sights(command, answer)]
            observed = await observe(tx, [sight_of(settled), *seen], now=self._steps.clock.now())
        telemetry.commands_settled.add(1, {"state": settled.state.value, "reason": settled.reason or ""})
        self._wakes.signal("mirror")
        if observed.fetch:
            self._wakes.signal("fetch")
        self._wakes.signal(f"command:{command.id}")

    def _delay(self, error: Exception, attempts: int) -> timedelta:
        delay = retry_delay(attempts + 1, first=_FIRST_DELAY, longest=_LONGEST_DELAY)
        if isinstance(error, VendorDenied):
            delay = _LONGEST_DELAY  # a person has to act
        elif isinstance(error, VendorError) and error.retry_after:
            delay = max(delay, error.retry_after)
        return delay + self._steps.clock.jitter(delay / 4)

    async def _show_conflict(self, command: Command) -> None:
        """Compare a repeated request with what was done for the first; show a difference on the record."""
        renewing = renews(self._steps.installation.entities[command.entity], command)
        if not (renewing or command.state is CommandState.SUCCEEDED) or command.terms is None:
            return
        try:
            await self._recheck(command)
            conflict = None
        except Conflict as error:
            conflict = await renew(self._steps, command) if renewing else error.message
        except Refused:
            return
        if conflict != command.conflict:
            async with self._database.transaction() as tx:
                await self.note_conflict_in(tx, command, conflict)
            self._wakes.signal("mirror")

    async def _recheck(self, command: Command) -> None:
        recheck = OPERATIONS[command.operation].recheck
        if recheck is not None:
            await recheck(self._steps, command)

    async def note_conflict_in(self, tx: Transaction, command: Command, conflict: str | None) -> None:
        """Show on the record that the same action was asked with other parameters."""
        changed = await ledger.change(tx, command.id, conflict=conflict)
        await observe(tx, [sight_of(changed)], now=self._steps.clock.now())

    async def wait(self, command_id: str, timeout: timedelta) -> Command:  # noqa: ASYNC109  (the caller's deadline)
        """Return the command once nothing more happens by itself, or as it is when the time is up.

        Raises:
            NotFound: no such command.
        """
        with self._wakes.subscribed(f"command:{command_id}") as woken, suppress(TimeoutError):
            async with asyncio.timeout(timeout.total_seconds()):
                while (command := await self.get(command_id)).state.under_way:
                    woken.clear()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_POLL_SECONDS):
                            await woken.wait()
                return command
        return await self.get(command_id)

    async def get(self, command_id: str) -> Command:
        """Return a command.

        Raises:
            NotFound: no such command.
        """
        async with self._database.glance() as tx:
            command = await ledger.get(tx, command_id)
        if command is None:
            raise NotFound("there is no such request: check its id")
        return command

    async def look(
        self, command: Command, object_type: str, object_id: str, *, expand: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Ask Stripe for what a command made or changed: what is mirrored may be as old as the second before.

        Raises:
            VendorError: Stripe did not answer as it should.
        """
        return (await self._steps.stripe[command.entity].retrieve(object_type, object_id, expand=expand)).body

    async def client_secret(self, command: Command) -> str | None:
        """Ask Stripe for the secret with which a page confirms an unconfirmed payment. It is never stored."""
        if command.method != "unconfirmed" or command.payment_intent_id is None:
            return None
        answer = await self._steps.stripe[command.entity].retrieve("payment_intent", command.payment_intent_id)
        secret = answer.body.get("client_secret")
        return secret if isinstance(secret, str) else None


def _conflict(wanted: Command, known: Command | None) -> Conflict:
    if known is not None and known.request_id == wanted.request_id and known.version != wanted.version:
        fault = "this request_id was used for another request: choose a new one"
    else:
        fault = (
            f"version {wanted.version} of this action was asked before {_difference(wanted, known)}: "
            "ask with a new version"
        )
    return Conflict(fault, metadata={"command_id": known.id if known else "", "version": wanted.version})


def _difference(wanted: Command, known: Command | None) -> str:
    """Tell both amounts, where they are what differs."""
    theirs, ours = ((one.arguments.get("amount") or "all of it") if one else None for one in (known, wanted))
    if theirs is None or theirs == ours:
        return "with other parameters"
    return f"for {theirs} and now for {ours}"
