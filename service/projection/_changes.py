"""Noting where things stand, in the transaction that looks at their lanes: each change is told once, and reacted to."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service import history
from service.config import Reaction
from service.db import Transaction
from service.domain import DesiredRecord
from service.history import Asked, DueDate, Noted
from service.mapping import Names, apply
from service.projection._families import Family
from service.projection._history import DISPUTE, Key, Standing, change_record, standings
from service.projection._reactions import reactions
from service.projection._values import Lane


@dataclass(frozen=True, slots=True)
class Terms:
    """What an org wants of changes: how it keeps the records, by which version of its mapping, and what is done."""

    org: str
    names: Names
    version: str
    rules: Sequence[Reaction]


async def note_changes(
    tx: Transaction,
    found: Sequence[Family],
    record_ids: Mapping[Key, str | None],
    changed: Collection[Key],
    *,
    terms: Terms,
    now: datetime,
) -> list[DesiredRecord]:
    """Compare where families stand with where they stood, keep it, and return the records of what changed.

    Args:
        tx: the transaction that holds the lanes, with a savepoint.
        found: the families of lanes of one org.
        record_ids: the Salesforce record of each family, by its key.
        changed: what the lanes are looked at for.
        terms: of the org they go to.
        now: the present.
    """
    standing = {
        (one.entity, one.object_id): (one, Lane(terms.org, family.root.belongs_to or family.root.object_id))
        for family in found
        for one in standings(family, record_ids.get(family.key), changed)
    }
    wanted: list[DesiredRecord] = []
    news = await history.news(tx, [_noted(one) for one, _ in standing.values()])
    if news:
        # Whatever fails from here on undoes the note as well: see the caller's savepoint.
        asked: list[Asked] = []
        for key, change in (await history.note(tx, news)).items():
            one, lane = standing[key]
            wanted.append(change_record(one, change, lane))
            asked += reactions(terms.rules, one, change, now=now)
        await history.ask(tx, terms.org, asked, now=now)
        wanted = apply(terms.names, wanted, {}, version=terms.version)
    disputes = [one for one, _ in standing.values() if one.object_type == DISPUTE]
    if disputes:
        over = {(one.entity, one.object_id) for one in disputes if one.due_at is None}
        await history.keep_due_dates(tx, list(_due(disputes)), over)
    return wanted


def _noted(one: Standing) -> Noted:
    return Noted(one.entity, one.object_id, one.status, one.stripe_status, one.cause, one.changed_at)


def _due(disputes: Sequence[Standing]) -> Iterator[DueDate]:
    for one in disputes:
        if one.due_at is not None:
            yield DueDate(one.entity, one.object_id, one.due_at, one.to_json())
