"""History: what each object was last changed by, where it stood, and what is done about a change."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.execute("ALTER TABLE mirror ADD COLUMN cause text, ADD COLUMN caused_at timestamptz")
    op.execute(
        """
        CREATE TABLE statuses (
            entity        text NOT NULL,
            object_id     text NOT NULL,
            status        text NOT NULL,
            previous      text,
            stripe_status text,
            number        integer NOT NULL DEFAULT 1,
            cause         text,
            changed_at    timestamptz NOT NULL,
            PRIMARY KEY (entity, object_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE due_dates (
            entity    text NOT NULL,
            object_id text NOT NULL,
            due_at    timestamptz NOT NULL,
            content   text NOT NULL,
            told      text[] NOT NULL DEFAULT '{}',
            PRIMARY KEY (entity, object_id)
        )
        """
    )
    op.execute("CREATE INDEX due_dates_next ON due_dates (due_at)")
    op.execute(
        """
        CREATE TABLE reactions (
            org          text NOT NULL,
            key          text NOT NULL,
            kind         text NOT NULL,
            content      text NOT NULL,
            state        text NOT NULL,
            attempts     smallint NOT NULL DEFAULT 0,
            not_before   timestamptz NOT NULL,
            leased_by    text,
            leased_until timestamptz,
            error_reason text,
            error_detail text,
            traceparent  text,
            put_at       timestamptz NOT NULL,
            done_at      timestamptz,
            PRIMARY KEY (org, key)
        )
        """
    )
    op.execute("CREATE INDEX reactions_waiting ON reactions (org, not_before) WHERE state = 'waiting'")
