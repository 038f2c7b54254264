"""Routes: where an object belongs that no metadata names a record of, and the questions to Salesforce about it."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE links (
            entity       text        NOT NULL,
            sobject      text        NOT NULL,
            field        text        NOT NULL,
            value        text        NOT NULL,
            state        text        NOT NULL,
            record_id    text,
            account_id   text,
            attempts     smallint    NOT NULL DEFAULT 0,
            error        text,
            looked_up_at timestamptz,
            next_try_at  timestamptz NOT NULL,
            PRIMARY KEY (entity, sobject, field, value)
        )
        """
    )
    op.execute("CREATE INDEX links_due ON links (next_try_at)")
    op.execute("CREATE INDEX links_value ON links (entity, value)")
    op.execute(
        """
        CREATE TABLE routes (
            entity    text        NOT NULL,
            object_id text        NOT NULL,
            state     text        NOT NULL,
            asked     text[]      NOT NULL,
            since     timestamptz NOT NULL,
            PRIMARY KEY (entity, object_id)
        )
        """
    )
    op.execute("CREATE INDEX routes_asked ON routes USING gin (asked)")
    op.execute("CREATE INDEX routes_open ON routes (entity, since) WHERE state IN ('Unmatched', 'Ambiguous')")
    op.execute("ALTER TABLE mirror ADD COLUMN routed_id text")
    op.execute("CREATE INDEX mirror_routed ON mirror (routed_id) WHERE routed_id IS NOT NULL")
