"""Questions to Salesforce: which record's field equals a value. Asked once, tried again with growing pauses."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ARRAY, DateTime, Text, and_, bindparam, select, text, true, update

from service.db import Transaction
from service.domain import retry_delay
from service.links._tables import links

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=6)
# A record that was found is looked up again: it may have been merged into another one.
_FOUND_PAUSE = timedelta(days=7)
# These are not looked up to be undone: we write the payment they show ourselves, and may show a newer one by now.
_KEPT = frozenset({"Opportunity", "Order"})
_ERROR_CHARS = 200


def _pause(attempts: int) -> timedelta:
    """Return how long to wait after so many vain attempts: fourfold each time, since each costs the org a query."""
    return retry_delay(2 * attempts - 1, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE)


class LinkState(StrEnum):
    """What is known about a question."""

    ASKED = "asked"
    FOUND = "found"
    NONE = "none"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True, order=True)
class Question:
    """Which `sobject` has `value` in `field` (our name of it)?"""

    sobject: str
    field: str
    value: str

    @property
    def text(self) -> str:
        """The question as one text, as it is kept beside what asked it."""
        return f"{self.sobject}.{self.field}={self.value}"


@dataclass(frozen=True, slots=True)
class Link:
    """An answer: `record_id` of 18 characters when found, with the Account that record belongs to, if any."""

    state: LinkState
    record_id: str | None = None
    account_id: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Questions of one entity about one field that are to be asked now, with how often each was asked."""

    entity: str
    sobject: str
    field: str
    attempts: Mapping[str, int]

    def question(self, value: str) -> Question:
        """Return one of them."""
        return Question(self.sobject, self.field, value)


_KEY = (links.c.sobject, links.c.field, links.c.value)
# A question of an entity: each asks the org that its records go to.
Asked = tuple[str, Question]
_NOW = bindparam("now", type_=DateTime(timezone=True))
_ARRAYS = tuple(bindparam(name, type_=ARRAY(Text)) for name in ("entities", "sobjects", "fields", "values"))


def _arrays(asked: Collection[Asked]) -> dict[str, list[str]]:
    ordered = sorted(asked)
    return {
        "entities": [entity for entity, _ in ordered],
        "sobjects": [one.sobject for _, one in ordered],
        "fields": [one.field for _, one in ordered],
        "values": [one.value for _, one in ordered],
    }


_KNOWN = text(
    """
    SELECT links.entity, links.sobject, links.field, links.value, links.state, links.record_id, links.account_id
    FROM links JOIN unnest(:entities, :sobjects, :fields, :values) AS asked (entity, sobject, field, value)
      USING (entity, sobject, field, value)
    ORDER BY links.entity, links.sobject, links.field, links.value
    FOR SHARE OF links
    """
).bindparams(*_ARRAYS)
_ASK = text(
    """
    INSERT INTO links (entity, sobject, field, value, state, next_try_at)
    SELECT entity, sobject, field, value, 'asked', :now
    FROM unnest(:entities, :sobjects, :fields, :values) AS asked (entity, sobject, field, value)
    ORDER BY entity, sobject, field, value
    ON CONFLICT DO NOTHING
    """
).bindparams(*_ARRAYS, _NOW)


async def known(tx: Transaction, asked: Collection[Asked]) -> dict[Asked, Link]:
    """Return the answers there are; a question that waits for its first one is left out.

    None of them changes before the transaction ends: so whoever keeps that it asked is told of every later answer.
    """
    rows = await tx.execute(_KNOWN, _arrays(asked)) if asked else ()
    found = {(row[0], Question(*row[1:4])): Link(LinkState(row[4]), row[5], row[6]) for row in rows}
    return {question: link for question, link in found.items() if link.state is not LinkState.ASKED}


async def ask(tx: Transaction, asked: Collection[Asked], *, now: datetime) -> bool:
    """Ask what was not asked yet, in one order so that two writers lock alike; tell whether anything was new."""
    return bool(asked) and (await tx.execute(_ASK, _arrays(asked) | {"now": now})).rowcount > 0


async def take(
    tx: Transaction, *, now: datetime, lease: timedelta, limit: int, entities: Collection[str] | None = None
) -> Due | None:
    """Claim up to `limit` questions that one query can answer, for `lease`; None when nothing is due.

    `entities` are the only ones to take for; None for all.
    """
    first = (
        select(links.c.entity, links.c.sobject, links.c.field)
        .where(links.c.next_try_at <= now, true() if entities is None else links.c.entity.in_(entities))
        .order_by(links.c.next_try_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    group = (await tx.execute(first)).one_or_none()
    if group is None:
        return None
    same = and_(links.c.entity == group.entity, links.c.sobject == group.sobject, links.c.field == group.field)
    due = (
        select(links.c.value)
        .where(same, links.c.next_try_at <= now)
        .order_by(links.c.next_try_at, links.c.value)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    values = [row.value for row in await tx.execute(due)]
    claimed = (
        update(links)
        .where(same, links.c.value.in_(values))
        .values(next_try_at=now + lease, attempts=links.c.attempts + 1)
        .returning(links.c.value, links.c.attempts)
    )
    return Due(*group, {row.value: row.attempts for row in await tx.execute(claimed)})


async def settle(tx: Transaction, due: Due, answers: Mapping[str, Link], *, now: datetime) -> list[Question]:
    """Keep what Salesforce answered for each value; return the questions whose answer is another one now."""
    same = and_(links.c.entity == due.entity, links.c.sobject == due.sobject, links.c.field == due.field)
    stored = {
        row.value: Link(LinkState(row.state), row.record_id, row.account_id)
        for row in await tx.execute(
            select(links).where(same, links.c.value.in_(answers)).order_by(*_KEY).with_for_update()
        )
    }
    changed: list[Question] = []
    rows: list[tuple[Any, ...]] = []
    for value, answer in answers.items():
        before = stored[value]
        if before.state is LinkState.FOUND and due.sobject in _KEPT and answer.state is not LinkState.FOUND:
            answer = before  # noqa: PLW2901  (see _KEPT)
        attempts = due.attempts[value] if before.state in {answer.state, LinkState.ASKED} else 1
        found = answer.state is LinkState.FOUND
        next_try = now + (_FOUND_PAUSE if found else _pause(attempts))
        row = (value, answer.state.value, answer.record_id, answer.account_id, 0 if found else attempts, next_try)
        rows.append(row)
        if answer != before:
            changed.append(due.question(value))
    names = ("values", "states", "record_ids", "account_ids", "attempts", "next_tries")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {}
    if columns:
        group = {"entity": due.entity, "sobject": due.sobject, "field": due.field}
        await tx.execute(_SETTLE, {**columns, **group, "now": now})
    return changed


_SETTLE = text(
    """
    UPDATE links SET state = answer.state, record_id = answer.record_id, account_id = answer.account_id,
                     attempts = answer.attempts, error = NULL, looked_up_at = :now, next_try_at = answer.next_try
    FROM unnest(:values, :states, :record_ids, :account_ids, CAST(:attempts AS smallint[]), :next_tries)
         AS answer (value, state, record_id, account_id, attempts, next_try)
    WHERE links.entity = :entity AND links.sobject = :sobject AND links.field = :field AND links.value = answer.value
    """
).bindparams(
    *(bindparam(name, type_=ARRAY(Text)) for name in ("values", "states", "record_ids", "account_ids")),
    bindparam("next_tries", type_=ARRAY(DateTime(timezone=True))),
    _NOW,
)


async def postpone(tx: Transaction, due: Due, *, error: str, now: datetime) -> None:
    """Ask again later, because Salesforce gave no answer; `error` is a reason word."""
    same = and_(
        links.c.entity == due.entity,
        links.c.sobject == due.sobject,
        links.c.field == due.field,
        links.c.value.in_(due.attempts),
    )
    await tx.execute(select(links.c.value).where(same).order_by(*_KEY).with_for_update())
    next_try = now + _pause(min(due.attempts.values()))
    await tx.execute(update(links).where(same).values(error=error[:_ERROR_CHARS], next_try_at=next_try))


_LOOK_AGAIN = text(
    """
    WITH waiting AS (
        SELECT entity, sobject, field, value FROM links
        WHERE entity = ANY(:entities) AND value = ANY(:values) AND state IN ('none', 'ambiguous')
        ORDER BY entity, sobject, field, value FOR NO KEY UPDATE
    )
    UPDATE links SET next_try_at = :now, attempts = 0 FROM waiting
    WHERE links.entity = waiting.entity AND links.sobject = waiting.sobject AND links.field = waiting.field
      AND links.value = waiting.value
    """
).bindparams(*(bindparam(name, type_=ARRAY(Text)) for name in ("entities", "values")), _NOW)


async def look_again(tx: Transaction, entities: Sequence[str], values: Collection[str], *, now: datetime) -> bool:
    """Ask at once, and again at short pauses, for values that a record is about to hold; tell whether any waited.

    Call it in a transaction of its own: whoever looks at what was asked holds answers of others.
    """
    parameters = {"entities": list(entities), "values": list(values), "now": now}
    return (await tx.execute(_LOOK_AGAIN, parameters)).rowcount > 0
