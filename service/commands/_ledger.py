"""The ledger: one row a business action, one row a Stripe call, kept longer than any vendor remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from service.db import Sealed, Transaction, metadata

commands = Table(
    "commands",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("org", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("record_id", Text),
    Column("subject", Text, nullable=False),
    Column("business_version", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("arguments", Sealed("commands.arguments"), nullable=False),
    Column("request_id", Text),
    Column("requested_by", Text),
    Column("source", Text, nullable=False),
    Column("terms", Sealed("commands.terms")),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("message", Sealed("commands.message")),
    Column("conflict", Sealed("commands.conflict")),
    Column("failure_code", Text),
    Column("failure_message", Sealed("commands.failure_message")),
    Column("revision", BigInteger, nullable=False, server_default=text("1")),
    Column("payment_intent_id", Text),
    Column("checkout_session_id", Text),
    Column("result_id", Text),
    Column("traceparent", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("settled_at", DateTime(timezone=True)),
    Column("asked_as", Text),
    Column("amount_minor", BigInteger),
    Column("currency", Text),
    Column("counted_at", DateTime(timezone=True)),
    Column("approval", Text),
    Column("approval_due_at", DateTime(timezone=True)),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decision_note", Sealed("commands.decision_note")),
    Column("replaces", Text, ForeignKey("commands.id")),
    Column("repeated_by", Text),
    UniqueConstraint("entity", "subject", "operation", "business_version", name="commands_business_key"),
)
Index(
    "commands_request",
    commands.c.entity,
    commands.c.request_id,
    unique=True,
    postgresql_where=commands.c.request_id.is_not(None),
)
Index("commands_replaces", commands.c.replaces, unique=True, postgresql_where=commands.c.replaces.is_not(None))
Index("commands_created", commands.c.entity, commands.c.created_at.desc(), commands.c.id)
Index("commands_counted", commands.c.entity, commands.c.currency, commands.c.counted_at)
Index("commands_pending", commands.c.approval_due_at, postgresql_where=commands.c.state == "PENDING_APPROVAL")
# What may still happen, or was given up. The history of what happened grows without end and is not looked through.
UNFINISHED = commands.c.state.not_in(["SUCCEEDED", "DECLINED", "REFUSED", "REJECTED", "EXPIRED"])
Index("commands_unfinished", commands.c.entity, commands.c.state, commands.c.created_at, postgresql_where=UNFINISHED)

calls = Table(
    "calls",
    metadata,
    Column("idempotency_key", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("command_id", Text, ForeignKey("commands.id"), nullable=False),
    Column("step", Text, nullable=False),
    Column("parameters", Sealed("calls.parameters"), nullable=False),
    Column("result_id", Text),
    Column("stripe_request", Text),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("finished_at", DateTime(timezone=True)),
)
Index("calls_command", calls.c.command_id)


class CommandState(StrEnum):
    """Where a command stands."""

    ACCEPTED = "ACCEPTED"  # recorded, with a task to carry it out
    PENDING_APPROVAL = "PENDING_APPROVAL"  # its terms are fixed; a second person decides, and Stripe knows nothing
    RUNNING = "RUNNING"  # its terms are fixed; Stripe may know of it
    SUCCEEDED = "SUCCEEDED"  # Stripe took it; how the payment goes on is the payment's own story
    DECLINED = "DECLINED"  # the bank said no: an outcome; another attempt is another business version
    REFUSED = "REFUSED"  # not possible as asked, nothing happened in Stripe; may be asked again once mended
    FAILED = "FAILED"  # given up after many tries, its outcome in doubt; asked again, it goes on with the same keys
    REJECTED = "REJECTED"  # the second person said no; another attempt is another business version
    EXPIRED = "EXPIRED"  # nobody decided in time; another attempt is another business version
    PREVIEWED = "PREVIEWED"  # a dry run: what would be done is told

    @property
    def settled(self) -> bool:
        """Whether the command has ended."""
        return not self.under_way and self is not CommandState.PENDING_APPROVAL

    @property
    def under_way(self) -> bool:
        """Whether a task carries it out, so that something will happen by itself soon."""
        return self in {CommandState.ACCEPTED, CommandState.RUNNING}


DRY_RUN = "dry_run"
DECISION = ("decided_by", "decided_at", "decision_note")


class Approval(StrEnum):
    """Whether a second person has agreed; no value where nobody has to."""

    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Command:
    """One business action.

    `subject` is what its version counts for: the Stripe object that was named, else the record. `result_id` is the
    object that was made or changed, where neither a payment intent nor a checkout session was. `requested_by` is who
    is said to have asked, `asked_as` who the vendor or the door knows to have: neither may approve. `amount_minor` and
    `currency` are those of the terms, `counted_at` when they began to count towards the limits of a day. `replaces` is
    the request whose record has changed since, `repeated_by` who asked again for what was asked before.
    """

    id: str
    entity: str
    org: str
    operation: str
    record_id: str | None
    subject: str
    version: str
    fingerprint: str
    arguments: dict[str, str]
    request_id: str | None
    requested_by: str | None
    source: str
    terms: dict[str, Any] | None
    state: CommandState
    reason: str | None
    message: str | None
    conflict: str | None
    failure_code: str | None
    failure_message: str | None
    revision: int
    payment_intent_id: str | None
    checkout_session_id: str | None
    result_id: str | None
    traceparent: str | None
    created_at: datetime
    settled_at: datetime | None
    asked_as: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    counted_at: datetime | None = None
    approval: Approval | None = None
    approval_due_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_note: str | None = None
    replaces: str | None = None
    repeated_by: str | None = None

    @property
    def dry_run(self) -> str | None:
        """The version it is a dry run of; None for what is carried out."""
        return self.arguments.get(DRY_RUN)

    @property
    def method(self) -> str | None:
        """How a payment is collected."""
        return self.arguments.get("method")

    @property
    def target_id(self) -> str | None:
        """The Stripe object that something is to be done with, if it was named."""
        return None if self.subject == self.record_id else self.subject


@dataclass(frozen=True, slots=True)
class Call:
    """One Stripe call of a command; `parameters` are what was sent first and is sent again, whatever changed since."""

    idempotency_key: str
    command_id: str
    parameters: dict[str, Any]
    result_id: str | None
    begun_at: datetime
    finished_at: datetime | None
    step: str
    stripe_request: str | None


CALL_COLUMNS = tuple(calls.c[name] for name in Call.__dataclass_fields__)


def to_call(row: Row[Any]) -> Call:
    values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
    return Call(**(values | {"parameters": orjson.loads(values["parameters"])}))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended."""

    state: CommandState
    reason: str | None = None
    message: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    results: Mapping[str, str | None] = field(default_factory=dict)


def to_command(row: Row[Any]) -> Command:
    """Return the command that a row of the table is."""
    values = dict(row._mapping)  # noqa: SLF001  (a row's documented accessor)
    values["version"] = values.pop("business_version")
    values["state"] = CommandState(values["state"])
    values["terms"] = None if values["terms"] is None else orjson.loads(values["terms"])
    values["arguments"] = orjson.loads(values["arguments"])
    values["approval"] = None if values["approval"] is None else Approval(values["approval"])
    return Command(**values)


async def add(tx: Transaction, command: Command) -> bool:
    """Record a command; False when its business key or request id is taken: then `find` tells by which."""
    values = {name: getattr(command, name) for name in commands.c.keys() if name != "business_version"}  # noqa: SIM118
    values |= {"business_version": command.version, "terms": None}
    values["arguments"] = orjson.dumps(command.arguments, option=orjson.OPT_SORT_KEYS).decode()
    result = await tx.execute(insert(commands).values(values).on_conflict_do_nothing().returning(commands.c.id))
    return result.one_or_none() is not None


async def find(tx: Transaction, command: Command) -> Command | None:
    """Return the recorded command with the same request id, or else the same business key."""
    same_business = and_(
        commands.c.entity == command.entity,
        commands.c.subject == command.subject,
        commands.c.operation == command.operation,
        commands.c.business_version == command.version,
    )
    # Requests without an id are not the same one for that.
    same_request = and_(commands.c.entity == command.entity, commands.c.request_id == command.request_id)
    same = same_business if command.request_id is None else or_(same_request, same_business)
    rows = [to_command(row) for row in await tx.execute(select(commands).where(same))]
    by_request = [row for row in rows if command.request_id is not None and row.request_id == command.request_id]
    return next(iter(by_request or rows), None)


async def get(tx: Transaction, command_id: str, *, lock: bool = False) -> Command | None:
    """Return a command by its id, locked until the transaction ends if asked."""
    query = select(commands).where(commands.c.id == command_id)
    row = (await tx.execute(query.with_for_update() if lock else query)).one_or_none()
    return None if row is None else to_command(row)


async def change(tx: Transaction, command_id: str, **values: Any) -> Command:
    """Change a command and return it as it is now; every change has a revision of its own."""
    statement = (
        update(commands)
        .where(commands.c.id == command_id)
        .values(revision=commands.c.revision + 1, **values)
        .returning(*commands.c)
    )
    return to_command((await tx.execute(statement)).one())


async def fix_terms(
    tx: Transaction, command: Command, terms: dict[str, Any], *, now: datetime, pending: Mapping[str, Any] | None
) -> Command:
    """Keep the terms of a command for every later run; `pending` is what changes besides if it waits for approval."""
    values = {"state": CommandState.RUNNING, **(pending or {}), "terms": orjson.dumps(terms).decode()}
    if terms.get("amount_minor") is not None and terms.get("currency"):
        values |= {"amount_minor": terms["amount_minor"], "currency": str(terms["currency"]).upper(), "counted_at": now}
    return await change(tx, command.id, **values)


async def settle(tx: Transaction, command: Command, outcome: Outcome, *, now: datetime) -> Command:
    """End a command."""
    told = {name: getattr(outcome, name) for name in ("state", "reason", "message", "failure_code", "failure_message")}
    return await change(tx, command.id, **told, settled_at=now, **outcome.results)


async def begin_call(
    tx: Transaction, command: Command, *, key: str, step: str, parameters: dict[str, Any], now: datetime
) -> Call:
    """Record a call before it is made; one that was begun before is returned with its first parameters."""
    await tx.execute(
        insert(calls)
        .values(
            idempotency_key=key,
            entity=command.entity,
            command_id=command.id,
            step=step,
            # The keys of metadata are words of an enumeration.
            parameters=orjson.dumps(parameters, option=orjson.OPT_NON_STR_KEYS).decode(),
            begun_at=now,
        )
        .on_conflict_do_nothing()
    )
    return to_call((await tx.execute(select(*CALL_COLUMNS).where(calls.c.idempotency_key == key))).one())


async def finish_call(
    tx: Transaction, call: Call, *, result_id: str | None, stripe_request: str | None, now: datetime
) -> None:
    """Record what a call made."""
    await tx.execute(
        update(calls)
        .where(calls.c.idempotency_key == call.idempotency_key)
        .values(result_id=result_id, stripe_request=stripe_request, finished_at=now)
    )


async def forget_call(tx: Transaction, call: Call) -> None:
    """Remove a call that Stripe refused before doing anything, so that it can be made with mended parameters."""
    await tx.execute(
        delete(calls).where(calls.c.idempotency_key == call.idempotency_key, calls.c.finished_at.is_(None))
    )
