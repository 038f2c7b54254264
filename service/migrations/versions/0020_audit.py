"""The audit log: append-only by a trigger; sealing an entry, once, is the only change it takes."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Apply."""
    op.execute(
        """
        CREATE TABLE audit (
            id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            entry text NOT NULL,
            seq   bigint,
            hash  text
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX audit_chain ON audit (seq) WHERE seq IS NOT NULL")
    op.execute("CREATE INDEX audit_unsealed ON audit (id) WHERE seq IS NULL")
    op.execute(
        """
        CREATE FUNCTION audit_protect() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'UPDATE' AND OLD.seq IS NULL AND NEW.seq IS NOT NULL AND NEW.hash IS NOT NULL
               AND NEW.id = OLD.id AND NEW.entry = OLD.entry THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_rows BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION audit_protect()
        """
    )
    op.execute(
        """
        CREATE TRIGGER audit_table BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION audit_protect()
        """
    )
