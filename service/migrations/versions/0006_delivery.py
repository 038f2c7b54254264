"""Delivery by lanes: what failed and how often, bulk jobs, the count of API calls, and who discarded what and why."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        ALTER TABLE outbox
            ADD COLUMN error_code     text,
            ADD COLUMN failed_at      timestamptz,
            ADD COLUMN releases       smallint NOT NULL DEFAULT 0,
            ADD COLUMN release_at     timestamptz,
            ADD COLUMN bulk_job       text,
            ADD COLUMN sent_version   bigint,
            ADD COLUMN sent_digest    text,
            ADD COLUMN discarded_by   text,
            ADD COLUMN discarded_at   timestamptz,
            ADD COLUMN discard_reason text
        """
    )
    for index in ("outbox_waiting", "outbox_dead"):
        op.execute(f"DROP INDEX {index}")
    op.execute("CREATE INDEX outbox_waiting ON outbox (org, lane, rank) WHERE state = 'waiting'")
    op.execute("CREATE INDEX outbox_leased ON outbox (org, lane) WHERE leased_until IS NOT NULL")
    op.execute("CREATE INDEX outbox_failed ON outbox (org, sobject, error_code) WHERE error_reason IS NOT NULL")
    op.execute("CREATE INDEX outbox_bulk ON outbox (bulk_job) WHERE bulk_job IS NOT NULL")
    op.execute(
        """
        CREATE TABLE bulk_jobs (
            id           text PRIMARY KEY,
            org          text NOT NULL,
            sobject      text NOT NULL,
            key_field    text NOT NULL,
            state        text NOT NULL,
            job_id       text,
            attempts     smallint NOT NULL DEFAULT 0,
            next_at      timestamptz NOT NULL,
            leased_by    text,
            leased_until timestamptz,
            created_at   timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX bulk_jobs_next ON bulk_jobs (org, next_at)")
    op.execute(
        """
        CREATE TABLE api_calls (
            org   text NOT NULL,
            hour  timestamptz NOT NULL,
            calls bigint NOT NULL,
            PRIMARY KEY (org, hour)
        )
        """
    )
    for table in ("mirror", "inbox"):
        op.execute(
            f"""
            ALTER TABLE {table}
                ADD COLUMN discarded_by   text,
                ADD COLUMN discarded_at   timestamptz,
                ADD COLUMN discard_reason text
            """
        )
    op.execute("CREATE INDEX mirror_failed ON mirror (observed_at) WHERE fault IS NOT NULL OR fetch_error IS NOT NULL")
    op.execute("CREATE INDEX inbox_failed ON inbox (received_at) WHERE state IN ('quarantined', 'refused')")
