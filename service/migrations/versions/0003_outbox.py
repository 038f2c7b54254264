"""The outbox: what each Salesforce record should hold, and how far that is delivered."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE outbox (
            org              text NOT NULL,
            sobject          text NOT NULL,
            key              text NOT NULL,
            key_field        text NOT NULL,
            content          text NOT NULL,
            digest           text NOT NULL,
            delivered_digest text,
            lane             text NOT NULL,
            rank             smallint NOT NULL,
            parent_sobject   text,
            parent_key       text,
            state            text NOT NULL,
            version          bigint NOT NULL DEFAULT 1,
            attempts         smallint NOT NULL DEFAULT 0,
            not_before       timestamptz NOT NULL,
            leased_by        text,
            leased_until     timestamptz,
            salesforce_id    text,
            error_reason     text,
            error_detail     text,
            traceparent      text,
            put_at           timestamptz NOT NULL,
            delivered_at     timestamptz,
            PRIMARY KEY (org, sobject, key)
        )
        """
    )
    op.execute("CREATE INDEX outbox_waiting ON outbox (rank, sobject, lane) WHERE state = 'waiting'")
    op.execute("CREATE INDEX outbox_dead ON outbox (put_at) WHERE state = 'dead'")
    op.execute("ALTER TABLE outbox SET (fillfactor = 80)")
