"""The table of the newest observations."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, SmallInteger, Table, Text, or_, text

from service.db import Sealed, metadata

BODY = Sealed("mirror.body")

table = Table(
    "mirror",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("object_type", Text, nullable=False),
    Column("body", BODY),
    Column("digest", Text, nullable=False),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("evidence", SmallInteger, nullable=False),
    Column("parent_id", Text),
    Column("record_id", Text),
    Column("created_at", DateTime(timezone=True)),
    Column("deleted", Boolean, nullable=False, server_default=text("false")),
    Column("traceparent", Text),
    Column("version", BigInteger, nullable=False, server_default=text("1")),
    Column("dirty", Boolean, nullable=False, server_default=text("true")),
    Column("fetch_at", DateTime(timezone=True)),
    Column("fetch_attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("fetch_error", Text),
    Column("fault", Text),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("linked_id", Text),
    Column("announce", Boolean, nullable=False, server_default=text("false")),
    Column("cause", Text),
    Column("caused_at", DateTime(timezone=True)),
    Column("discarded_by", Text),
    Column("discarded_at", DateTime(timezone=True)),
    Column("discard_reason", Text),
    Column("routed_id", Text),
)
Index("mirror_routed", table.c.routed_id, postgresql_where=table.c.routed_id.is_not(None))
Index("mirror_linked", table.c.entity, table.c.linked_id, postgresql_where=table.c.linked_id.is_not(None))
Index("mirror_parent", table.c.entity, table.c.parent_id, postgresql_where=table.c.parent_id.is_not(None))
Index("mirror_record", table.c.record_id, postgresql_where=table.c.record_id.is_not(None))
Index(
    "mirror_failed",
    table.c.observed_at,
    postgresql_where=or_(table.c.fault.is_not(None), table.c.fetch_error.is_not(None)),
)
Index("mirror_dirty", table.c.observed_at, postgresql_where=table.c.dirty)
Index("mirror_fetch", table.c.fetch_at, postgresql_where=table.c.fetch_at.is_not(None))
Index(
    "mirror_payments",
    table.c.entity,
    table.c.created_at.desc(),
    table.c.object_id.desc(),
    postgresql_where=table.c.object_type.in_(["counterfoil.request", "payment_intent"]),
)
Index(
    "mirror_payouts",
    table.c.entity,
    table.c.created_at.desc(),
    table.c.object_id.desc(),
    postgresql_where=table.c.object_type == "payout",
)
Index(
    "mirror_customers",
    table.c.entity,
    table.c.created_at.desc(),
    table.c.object_id.desc(),
    postgresql_where=table.c.object_type == "customer",
)
Index(
    "mirror_movements",
    table.c.entity,
    table.c.created_at,
    postgresql_where=table.c.object_type == "balance_transaction",
)

# What each payout took of which balance transaction: a relation that no object of Stripe's carries.
payout_entries = Table(
    "payout_entries",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("payout_id", Text, primary_key=True),
    Column("transaction_id", Text, primary_key=True),
    Column("category", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("net_minor", BigInteger, nullable=False),
    Column("own", Boolean, nullable=False),
    Column("linked_at", DateTime(timezone=True), nullable=False),
)
Index("payout_entries_transaction", payout_entries.c.entity, payout_entries.c.transaction_id)
