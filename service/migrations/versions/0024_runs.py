"""Sweeps and backfills; events by what they are about, for whoever asks how a record came to be as it is."""

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE runs (
            id           text PRIMARY KEY,
            entity       text NOT NULL,
            kind         text NOT NULL,
            object_types text[] NOT NULL,
            since        timestamptz,
            until        timestamptz NOT NULL,
            state        text NOT NULL,
            current      integer NOT NULL DEFAULT 0,
            after        text,
            seen         bigint NOT NULL DEFAULT 0,
            found        bigint NOT NULL DEFAULT 0,
            attempts     smallint NOT NULL DEFAULT 0,
            reason       text,
            requested_by text,
            request_id   text,
            version      bigint NOT NULL DEFAULT 1,
            next_at      timestamptz NOT NULL,
            created_at   timestamptz NOT NULL,
            updated_at   timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX runs_under_way ON runs (entity, kind) WHERE state = 'running'")
    op.execute("CREATE UNIQUE INDEX runs_request ON runs (entity, request_id) WHERE request_id IS NOT NULL")
    op.execute("CREATE INDEX runs_created ON runs (entity, created_at DESC, id DESC)")
    op.execute("CREATE INDEX inbox_object ON inbox (object_id) WHERE object_id IS NOT NULL")
