"""Currencies: what each org says of them, and which payments lack a rate to the currency they are reported in."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE currency_books (
            org     text PRIMARY KEY,
            stamp   text NOT NULL,
            content text NOT NULL,
            spans   text NOT NULL,
            read_at timestamptz,
            next_at timestamptz NOT NULL
        )
        """
    )
    op.execute(
        """
        CREATE TABLE missing_rates (
            entity    text NOT NULL,
            object_id text NOT NULL,
            base      text NOT NULL,
            target    text NOT NULL,
            source    text NOT NULL,
            since     timestamptz NOT NULL,
            PRIMARY KEY (entity, object_id)
        )
        """
    )
