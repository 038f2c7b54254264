"""A position belongs to one feed of a stream: what one API counts by, another does not understand."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Apply."""
    # The default is what a replica of the version before writes, which knows one feed only.
    op.execute("ALTER TABLE streams ADD COLUMN feed text NOT NULL DEFAULT 'pubsub'")
    op.execute("ALTER TABLE streams DROP CONSTRAINT streams_pkey, ADD PRIMARY KEY (org, topic, feed)")
