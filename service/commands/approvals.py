"""The second person: a request above a threshold is approved or rejected by somebody else, once, or it expires.

Decided under the lock of the request's row, with the task that goes on in the same commit: approved twice, or approved
and rejected at once, one decision counts, and nothing is lost with the process that took it. Refuses whoever asked, by
every name under which the asker is known. Who may decide at all is the door's business: a role of the gRPC API, the
permission to publish Payment_Approval__e in Salesforce.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from service import audit, telemetry
from service.clock import Clock
from service.commands import _ledger as ledger
from service.commands._audited import decided
from service.commands._ledger import Approval, Command, CommandState, commands
from service.commands._sights import sight_of
from service.commands._tasks import defer
from service.db import Database, Transaction, Wakes
from service.errors import InvalidRequest, NotFound, Refused, Violation
from service.intake import observe

APPROVAL_TOPIC = "/event/Payment_Approval__e"
APPROVAL_FIELDS = frozenset({"Request_Id__c", "Decision__c", "Note__c"})
"""All that is read of a Payment_Approval__e."""
DECISIONS = {"approve": True, "reject": False}
"""The words of Decision__c."""
_BATCH_LIMIT = 100
_NOTE_CHARS = 255
_REJECTED, _EXPIRED, _DECIDED, _SAME = (
    "APPROVAL_REJECTED",
    "APPROVAL_EXPIRED",
    "APPROVAL_NOT_PENDING",
    "APPROVER_IS_REQUESTER",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decides about a request: `by` is a Salesforce user's id or a caller's name."""

    command_id: str
    approve: bool
    by: str | None
    note: str | None = None

    @property
    def outcome(self) -> Approval:
        """What the request's approval becomes."""
        return Approval.APPROVED if self.approve else Approval.REJECTED


@dataclass(frozen=True, slots=True)
class Approvals:
    """Takes decisions, and ends what nobody decided; several may run at once."""

    database: Database
    wakes: Wakes
    clock: Clock

    async def decide(self, decision: Decision) -> tuple[Command, bool]:
        """Take a decision; return the request as it is then, and whether it was decided so before.

        Raises:
            InvalidRequest, NotFound, or Refused: APPROVAL_NOT_PENDING, APPROVER_IS_REQUESTER.
        """
        async with self.database.transaction() as tx:
            command, repeated = await self.decide_in(tx, decision)
        self.wakes.signal("mirror")
        self.wakes.signal(f"command:{command.id}")
        return command, repeated

    async def decide_in(self, tx: Transaction, decision: Decision) -> tuple[Command, bool]:
        """Take a decision in a transaction of the caller's."""
        command = await ledger.get(tx, decision.command_id, lock=True)
        if command is None:
            raise NotFound("there is no such request: check its id")
        now = self.clock.now()
        if not is_open(command, decision, now=now):
            return command, True
        values = {"approval": decision.outcome, "decided_by": decision.by, "decided_at": now}
        values |= {"decision_note": decision.note, "reason": None, "message": None}
        if decision.approve:
            changed = await ledger.change(tx, command.id, state=CommandState.RUNNING, **values)
            await defer(tx, changed)
        else:
            said = f": {decision.note}" if decision.note else ""
            values |= {"reason": _REJECTED, "message": f"a second person rejected the request{said}"}
            changed = await ledger.change(tx, command.id, state=CommandState.REJECTED, settled_at=now, **values)
        await audit.append(tx, [decided(changed, by=str(decision.by), before=command, at=now)])
        await observe(tx, [sight_of(changed)], now=now)
        telemetry.log().info("request.decided", command_id=command.id, approval=decision.outcome.value)
        return changed, False

    async def note_in(self, tx: Transaction, command_id: str, fault: str) -> None:
        """Show on a request that still waits why a decision about it did not count."""
        command = await ledger.get(tx, command_id, lock=True)
        if command is not None and command.state is CommandState.PENDING_APPROVAL:
            changed = await ledger.change(tx, command.id, message=f"still waits for approval: {fault}")
            await observe(tx, [sight_of(changed)], now=self.clock.now())

    async def expire(self) -> int:
        """End a batch of requests that nobody decided in time; return how many."""
        now = self.clock.now()
        query = (
            select(commands.c.id)
            .where(commands.c.state == CommandState.PENDING_APPROVAL, commands.c.approval_due_at <= now)
            .order_by(commands.c.approval_due_at)
            .limit(_BATCH_LIMIT)
            .with_for_update(skip_locked=True)
        )
        async with self.database.transaction() as tx:
            due = [row.id for row in await tx.execute(query)]
            for command_id in due:
                changed = await ledger.change(
                    tx,
                    command_id,
                    state=CommandState.EXPIRED,
                    approval=Approval.EXPIRED,
                    reason=_EXPIRED,
                    message="nobody approved the request in time: ask with a new version",
                    settled_at=now,
                )
                await audit.append(tx, [decided(changed, by="service", before=None, at=now)])
                await observe(tx, [sight_of(changed)], now=now)
        if due:
            self.wakes.signal("mirror")
        for command_id in due:
            self.wakes.signal(f"command:{command_id}")
        return len(due)


def is_open(command: Command, decision: Decision, *, now: datetime) -> bool:
    """Tell whether a decision is to be taken; False if the same one was. Pure.

    Raises:
        InvalidRequest: nobody decides, or the note is too long.
        Refused: APPROVER_IS_REQUESTER, or APPROVAL_NOT_PENDING.
    """
    if not decision.by:
        raise InvalidRequest([Violation("decided_by", "is missing: a decision needs somebody who takes it")])
    if len(decision.note or "") > _NOTE_CHARS:
        raise InvalidRequest([Violation("note", f"is longer than {_NOTE_CHARS} characters: shorten it")])
    if command.approval is decision.outcome:
        return False
    if command.state is not CommandState.PENDING_APPROVAL or (command.approval_due_at or now) < now:
        word = {None: "needs no approval", Approval.WAITING: "waited too long"}.get(
            command.approval, f"is {command.approval.lower() if command.approval else ''} already"
        )
        raise Refused(f"the request {word}: nothing was changed", reason=_DECIDED)
    if _name(decision.by) in {_name(command.requested_by), _name(command.asked_as)}:
        raise Refused("whoever asked may not decide: a second person has to", reason=_SAME)
    return True


def _name(who: str | None) -> str | None:
    """Return one form of a name: Salesforce writes an id in 15 or 18 characters."""
    is_user = who is not None and who.startswith("005") and len(who) in {15, 18}
    return who[:15] if who is not None and is_user else who
