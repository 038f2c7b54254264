"""The tables of questions to Salesforce and of what depends on their answers."""

from sqlalchemy import Column, DateTime, Index, SmallInteger, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from service.db import metadata

links = Table(
    "links",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("sobject", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("record_id", Text),
    Column("account_id", Text),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    Column("error", Text),
    Column("looked_up_at", DateTime(timezone=True)),
    Column("next_try_at", DateTime(timezone=True), nullable=False),
)
Index("links_due", links.c.next_try_at)
Index("links_value", links.c.entity, links.c.value)

routes = Table(
    "routes",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("asked", ARRAY(Text), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)
Index("routes_asked", routes.c.asked, postgresql_using="gin")
Index("routes_open", routes.c.entity, routes.c.since, postgresql_where=routes.c.state.in_(["Unmatched", "Ambiguous"]))
