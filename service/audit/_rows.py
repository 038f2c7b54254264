"""The rows: appended without order by whoever makes a change, and sealed in order afterwards by one process at a time.

Appending waits for nobody, so the hot path carries one more row and no lock. Until an entry is sealed, about a second,
only the table's trigger protects it.
"""

from collections.abc import AsyncIterator, Sequence

from sqlalchemy import ARRAY, BigInteger, Column, Identity, Index, Table, Text, bindparam, func, select, text

from service.audit._chain import GENESIS, Head, Link, seal_of
from service.audit._entry import Entry
from service.db import Transaction, metadata

table = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("entry", Text, nullable=False),
    Column("seq", BigInteger),
    Column("hash", Text),
)
Index("audit_chain", table.c.seq, unique=True, postgresql_where=table.c.seq.is_not(None))
Index("audit_unsealed", table.c.id, postgresql_where=table.c.seq.is_(None))

_PAGE = 5000
_APPEND = text("INSERT INTO audit (entry) SELECT * FROM unnest(:entries)").bindparams(
    bindparam("entries", type_=ARRAY(Text))
)
_SEAL = text(
    """
    UPDATE audit SET seq = sealed.seq, hash = sealed.hash
    FROM unnest(:ids, :seqs, :hashes) AS sealed (id, seq, hash)
    WHERE audit.id = sealed.id
    """
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger)),
    bindparam("seqs", type_=ARRAY(BigInteger)),
    bindparam("hashes", type_=ARRAY(Text)),
)


async def append(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Write entries with the change they tell of: one statement, however many."""
    if entries:
        await tx.execute(_APPEND, {"entries": [entry.text() for entry in entries]})


async def seal(tx: Transaction, *, limit: int) -> tuple[int, Head]:
    """Seal up to `limit` entries in the order of their ids; return how many, and the head. None while another does."""
    alone = select(func.pg_try_advisory_xact_lock(func.hashtextextended("audit", 0)))
    if not (await tx.execute(alone)).scalar_one():
        return 0, Head(0, GENESIS)
    current = await head(tx)
    unsealed = select(table.c.id, table.c.entry).where(table.c.seq.is_(None)).order_by(table.c.id).limit(limit)
    ids: list[int] = []
    seqs: list[int] = []
    hashes: list[str] = []
    for row in await tx.execute(unsealed):
        current = Head(current.seq + 1, seal_of(current.hash, current.seq + 1, row.entry))
        ids.append(row.id)
        seqs.append(current.seq)
        hashes.append(current.hash)
    if ids:
        await tx.execute(_SEAL, {"ids": ids, "seqs": seqs, "hashes": hashes})
    return len(ids), current


async def head(tx: Transaction) -> Head:
    """Return the head of the chain."""
    last = select(table.c.seq, table.c.hash).where(table.c.seq.is_not(None)).order_by(table.c.seq.desc()).limit(1)
    row = (await tx.execute(last)).one_or_none()
    return Head(0, GENESIS) if row is None else Head(row.seq, row.hash)


async def waiting(tx: Transaction) -> int:
    """Return how many entries are not sealed yet."""
    return int((await tx.execute(select(func.count()).where(table.c.seq.is_(None)))).scalar_one())


async def links(tx: Transaction, *, after: int = 0) -> AsyncIterator[Link]:
    """Give the chain from the place after `after` on, page by page."""
    while True:
        query = select(table.c.seq, table.c.entry, table.c.hash).where(table.c.seq > after)
        rows = (await tx.execute(query.order_by(table.c.seq).limit(_PAGE))).all()
        for row in rows:
            yield Link(row.seq, row.entry, row.hash)
        if len(rows) < _PAGE:
            return
        after = rows[-1].seq
