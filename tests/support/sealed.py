"""Keyrings for tests: a key's bytes follow from its id, so that a key that is put back is the same one."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def keyring(path: Path, *ids: str, since: datetime = _SINCE, step: timedelta = timedelta(days=1)) -> Path:
    """Write a keyring in place of the former, the last key the newest; return its path."""
    lines = ["keys:"]
    for number, key_id in enumerate(ids):
        key = base64.b64encode(hashlib.sha256(key_id.encode()).digest()).decode()
        lines.append(f"- {{id: {key_id}, since: '{(since + number * step).isoformat()}', key: {key}}}")
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n")
    partial.chmod(0o400)
    partial.replace(path)
    return path


def tables_with(url: str, *planted: str) -> set[str]:
    """Return the tables in which one of some words stands anywhere."""
    query = sql.SQL("SELECT count(*) FROM {table} AS row WHERE row::text ILIKE ANY(%s)")
    with psycopg.connect(url) as connection:
        named = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = set()
        for (table,) in named.fetchall():
            counted = connection.execute(
                query.format(table=sql.Identifier(table)), ([f"%{word}%" for word in planted],)
            ).fetchone()
            if counted and counted[0]:
                found.add(str(table))
    return found
