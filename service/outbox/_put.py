"""Putting a desired record: the latest replaces what waited, and equal content changes nothing."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ARRAY, BigInteger, Column, DateTime, Index, SmallInteger, Table, Text, bindparam, text

from service.db import Sealed, Transaction, metadata
from service.domain import DesiredRecord

CONTENT = Sealed("outbox.content")
table = Table(
    "outbox",
    metadata,
    Column("org", Text, primary_key=True),
    Column("sobject", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("key_field", Text, nullable=False),
    Column("content", CONTENT, nullable=False),
    Column("digest", Text, nullable=False),
    Column("delivered_digest", Text),
    Column("lane", Text, nullable=False),
    Column("rank", SmallInteger, nullable=False),
    Column("parent_sobject", Text),
    Column("parent_key", Text),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("not_before", DateTime(timezone=True), nullable=False),
    Column("leased_by", Text),
    Column("leased_until", DateTime(timezone=True)),
    Column("salesforce_id", Text),
    Column("error_reason", Text),
    Column("error_detail", Text),
    Column("traceparent", Text),
    Column("put_at", DateTime(timezone=True), nullable=False),
    Column("delivered_at", DateTime(timezone=True)),
    Column("error_code", Text),
    Column("failed_at", DateTime(timezone=True)),
    Column("releases", SmallInteger, nullable=False, server_default=text("0")),
    Column("release_at", DateTime(timezone=True)),
    Column("bulk_job", Text),
    Column("sent_version", BigInteger),
    Column("sent_digest", Text),
    Column("discarded_by", Text),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discard_reason", Text),
    Column("mapping", Text, nullable=False, server_default=text("''")),
)
Index("outbox_waiting", table.c.org, table.c.lane, table.c.rank, postgresql_where=table.c.state == "waiting")
Index("outbox_leased", table.c.org, table.c.lane, postgresql_where=table.c.leased_until.is_not(None))
Index(
    "outbox_failed",
    table.c.org,
    table.c.sobject,
    table.c.error_code,
    postgresql_where=table.c.error_reason.is_not(None),
)
Index("outbox_mapping", table.c.org, table.c.mapping)
Index("outbox_bulk", table.c.bulk_job, postgresql_where=table.c.bulk_job.is_not(None))


class State(StrEnum):
    """Where a record stands."""

    WAITING = "waiting"  # put with new content, or an attempt failed and may be repeated; leaves by a settled attempt
    DELIVERED = "delivered"  # Salesforce holds this content; leaves when other content is put
    DEAD = "dead"  # refused for good, or tried too often; leaves when other content is put, by a redrive or a release
    LEFT_OUT = "left_out"  # the org's mapping does not want it; leaves when other content is put
    DISCARDED = "discarded"  # a person gave it up, with a reason; leaves when other content is put, or by a redrive


_FIELDS = (
    "org",
    "sobject",
    "key",
    "key_field",
    "content",
    "digest",
    "lane",
    "rank",
    "parent_sobject",
    "parent_key",
    "traceparent",
    "mapping",
    "state",
)
_ARRAYS = ", ".join(f"CAST(:{name} AS {'smallint' if name == 'rank' else 'text'}[])" for name in _FIELDS)
_PUT = text(
    f"""
    INSERT INTO outbox AS known ({", ".join(_FIELDS)}, not_before, put_at)
    SELECT {", ".join(_FIELDS)}, :now, :now
    FROM unnest({_ARRAYS}) AS wish ({", ".join(_FIELDS)})
    ORDER BY org, sobject, key
    ON CONFLICT (org, sobject, key) DO UPDATE SET
        content = excluded.content,
        digest = excluded.digest,
        key_field = excluded.key_field,
        lane = excluded.lane,
        rank = excluded.rank,
        parent_sobject = excluded.parent_sobject,
        parent_key = excluded.parent_key,
        traceparent = coalesce(excluded.traceparent, known.traceparent),
        version = known.version + 1,
        attempts = 0,
        releases = 0,
        release_at = NULL,
        not_before = excluded.not_before,
        put_at = excluded.put_at,
        mapping = excluded.mapping,
        state = CASE WHEN excluded.state <> 'waiting' THEN excluded.state
                     WHEN excluded.digest = known.delivered_digest AND known.leased_by IS NULL
                     THEN 'delivered' ELSE 'waiting' END
    WHERE known.digest <> excluded.digest
    RETURNING 1
    """  # noqa: S608  (names are ours)
).bindparams(bindparam("now", type_=DateTime(timezone=True)), bindparam("content", type_=ARRAY(CONTENT)))


async def put(tx: Transaction, records: Sequence[DesiredRecord], *, now: datetime) -> int:
    """Ask for records; return how many ask for something new. Give each key at most once."""
    if not records:
        return 0
    rows = [
        {
            "org": record.org,
            "sobject": record.sobject,
            "key": record.key,
            "key_field": record.key_field,
            "content": record.content(),
            "digest": record.digest(),
            "lane": record.lane,
            "rank": record.rank,
            "parent_sobject": record.parent.sobject if record.parent else None,
            "parent_key": record.parent.key if record.parent else None,
            "traceparent": record.traceparent,
            "mapping": record.mapping,
            "state": State.WAITING if record.enabled else State.LEFT_OUT,
        }
        for record in records
    ]
    arrays = {name: [row[name] for row in rows] for name in _FIELDS}
    result = await tx.execute(_PUT, arrays | {"now": now})
    return len(result.all())
