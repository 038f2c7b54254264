"""The mirror: the newest observation of every Stripe object."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE mirror (
            entity         text NOT NULL,
            object_id      text NOT NULL,
            object_type    text NOT NULL,
            body           text,
            digest         text NOT NULL,
            as_of          timestamptz NOT NULL,
            evidence       smallint NOT NULL,
            parent_id      text,
            record_id      text,
            created_at     timestamptz,
            deleted        boolean NOT NULL DEFAULT false,
            traceparent    text,
            version        bigint NOT NULL DEFAULT 1,
            dirty          boolean NOT NULL DEFAULT true,
            fetch_at       timestamptz,
            fetch_attempts smallint NOT NULL DEFAULT 0,
            fetch_error    text,
            fault          text,
            observed_at    timestamptz NOT NULL,
            PRIMARY KEY (entity, object_id)
        )
        """
    )
    op.execute("CREATE INDEX mirror_parent ON mirror (entity, parent_id) WHERE parent_id IS NOT NULL")
    op.execute("CREATE INDEX mirror_record ON mirror (record_id) WHERE record_id IS NOT NULL")
    op.execute("CREATE INDEX mirror_dirty ON mirror (observed_at) WHERE dirty")
    op.execute("CREATE INDEX mirror_fetch ON mirror (fetch_at) WHERE fetch_at IS NOT NULL")
    op.execute(
        "CREATE INDEX mirror_payments ON mirror (entity, created_at DESC, object_id DESC) "
        "WHERE object_type IN ('counterfoil.request', 'payment_intent')"
    )
    op.execute(
        """
        DO $$ BEGIN
            ALTER TABLE mirror ALTER COLUMN body SET COMPRESSION lz4;
        EXCEPTION WHEN feature_not_supported OR invalid_parameter_value THEN
            ALTER TABLE mirror ALTER COLUMN body SET STORAGE EXTERNAL;
        END $$
        """
    )
    # Rows change often: leave room on each page, so that an update that moves no key touches no index.
    op.execute("ALTER TABLE mirror SET (fillfactor = 80)")
