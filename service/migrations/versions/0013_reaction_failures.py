"""Reactions that failed are listed and tried again as records are: code, time, releases, and who discarded what."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        ALTER TABLE reactions
            ADD COLUMN error_code     text,
            ADD COLUMN failed_at      timestamptz,
            ADD COLUMN releases       smallint NOT NULL DEFAULT 0,
            ADD COLUMN release_at     timestamptz,
            ADD COLUMN discarded_by   text,
            ADD COLUMN discarded_at   timestamptz,
            ADD COLUMN discard_reason text
        """
    )
    op.execute("CREATE INDEX reactions_failed ON reactions (org, kind, error_code) WHERE error_reason IS NOT NULL")
    # What is dead already is probed like what dies from now on.
    op.execute("UPDATE reactions SET failed_at = put_at, release_at = now() WHERE state = 'dead'")
