"""Payouts: which transactions each one holds, and where payouts and balance transactions are found by time."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE payout_entries (
            entity         text NOT NULL,
            payout_id      text NOT NULL,
            transaction_id text NOT NULL,
            category       text NOT NULL,
            currency       text NOT NULL,
            fee_minor      bigint NOT NULL,
            net_minor      bigint NOT NULL,
            own            boolean NOT NULL,
            linked_at      timestamptz NOT NULL,
            PRIMARY KEY (entity, payout_id, transaction_id)
        )
        """
    )
    op.execute("CREATE INDEX payout_entries_transaction ON payout_entries (entity, transaction_id)")
    op.execute(
        "CREATE INDEX mirror_payouts ON mirror (entity, created_at DESC, object_id DESC) WHERE object_type = 'payout'"
    )
    op.execute("CREATE INDEX mirror_movements ON mirror (entity, created_at) WHERE object_type = 'balance_transaction'")
