"""The book of each org as it was last read, when it is read again, and what is left to be looked at after a change.

The book is one row: it is small, read whole, and its stamp tells in a word whether it is another one.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from sqlalchemy import Column, DateTime, Table, Text, bindparam, select, text, update

from service.currencies._book import EMPTY, CurrencyBook, Span, changed_spans
from service.db import Transaction, metadata

table = Table(
    "currency_books",
    metadata,
    Column("org", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("spans", Text, nullable=False),
    Column("read_at", DateTime(timezone=True)),
    Column("next_at", DateTime(timezone=True), nullable=False),
)
_STAMP_DIGITS = 16
_CLAIM = text(
    """
    INSERT INTO currency_books AS known (org, stamp, content, spans, next_at)
    VALUES (:org, '', :empty, '[]', :again)
    ON CONFLICT (org) DO UPDATE SET next_at = :again WHERE known.next_at <= :now
    RETURNING known.org
    """
).bindparams(*(bindparam(name, type_=DateTime(timezone=True)) for name in ("now", "again")))


async def claim_reading(tx: Transaction, org: str, *, now: datetime, within: timedelta) -> bool:
    """Tell whether an org's currencies are to be read now, by whoever asks; if it fails, again `within` that time."""
    values = {"org": org, "empty": EMPTY.to_json(), "now": now, "again": now + within}
    return (await tx.execute(_CLAIM, values)).one_or_none() is not None


async def keep(tx: Transaction, org: str, book: CurrencyBook, *, now: datetime, again_at: datetime) -> CurrencyBook:
    """Keep what was read, and which payments it concerns; return what was known before."""
    row = (await tx.execute(select(table).where(table.c.org == org).with_for_update())).one()
    before = CurrencyBook.from_json(row.content)
    values: dict[str, object] = {"read_at": now, "next_at": again_at}
    if book != before or not row.stamp:
        content = book.to_json()
        spans = {Span(*one[0]): one[1] for one in orjson.loads(row.spans)}
        spans |= dict.fromkeys(changed_spans(before, book), None)
        values |= {
            "content": content,
            "stamp": hashlib.sha256(content.encode()).hexdigest()[:_STAMP_DIGITS],
            "spans": orjson.dumps([[list(span), after] for span, after in spans.items()]).decode(),
        }
    await tx.execute(update(table).where(table.c.org == org).values(values))
    return before


async def stamps(tx: Transaction, orgs: Sequence[str]) -> dict[str, str]:
    """Return what tells each org's book from any other; of orgs whose currencies were read."""
    query = select(table.c.org, table.c.stamp).where(table.c.org.in_(orgs), table.c.stamp != "")
    return {row.org: row.stamp for row in await tx.execute(query)}


async def load(tx: Transaction, org: str) -> CurrencyBook:
    """Return an org's book, an empty one if it was not read yet."""
    content = await tx.scalar(select(table.c.content).where(table.c.org == org))
    return EMPTY if content is None else CurrencyBook.from_json(content)


async def next_span(tx: Transaction, org: str) -> tuple[Span, str | None] | None:
    """Return payments to be looked at again, and the place up to which that is done; None if there are none."""
    spans = await tx.scalar(
        select(table.c.spans).where(table.c.org == org, table.c.spans != "[]").with_for_update(skip_locked=True)
    )
    first = orjson.loads(spans)[0] if spans else None
    return None if first is None else (Span(*first[0]), first[1])


async def settle_span(tx: Transaction, org: str, *, after: str | None) -> None:
    """Note up to where the first of the spans is done; None when it is done whole."""
    query = select(table.c.spans).where(table.c.org == org).with_for_update()
    first, *rest = orjson.loads((await tx.execute(query)).scalar_one())
    left = rest if after is None else [[first[0], after], *rest]
    await tx.execute(update(table).where(table.c.org == org).values(spans=orjson.dumps(left).decode()))
