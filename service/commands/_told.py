"""The ledger for whoever asks what was done about an object or a record."""

from collections import defaultdict
from collections.abc import Collection

from sqlalchemy import or_, select

from service.commands._ledger import CALL_COLUMNS, Call, Command, calls, commands, to_call, to_command
from service.db import Transaction


async def told(tx: Transaction, *, entity: str, ids: Collection[str]) -> list[tuple[Command, list[Call]]]:
    """Return commands by their ids or by what they are about, each with its calls; both the oldest first."""
    mine = select(commands).where(commands.c.entity == entity, or_(commands.c.id.in_(ids), commands.c.subject.in_(ids)))
    found = [to_command(row) for row in await tx.execute(mine.order_by(commands.c.created_at, commands.c.id))]
    made = select(*CALL_COLUMNS).where(calls.c.command_id.in_([one.id for one in found])).order_by(calls.c.begun_at)
    by_command: dict[str, list[Call]] = defaultdict(list)
    for row in await tx.execute(made):
        by_command[row.command_id].append(to_call(row))
    return [(one, by_command[one.id]) for one in found]
