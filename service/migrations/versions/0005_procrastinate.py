"""Procrastinate's tables and functions, as of its 3.10: durable tasks.

Its own numbered scripts are applied one after another up to 3.10, so that this step does the same whatever later
version of the library happens to be installed; a later version gets a later step here.
"""

from importlib import resources

from alembic import op

revision = "0005"
down_revision = "0004"

_UP_TO = (3, 10)


def _version(name: str) -> tuple[int, int]:
    major, minor, _patch = name.split("_", maxsplit=1)[0].split(".")
    return int(major), int(minor)


def upgrade() -> None:
    """Apply."""
    scripts = resources.files("procrastinate.sql.migrations")
    names = sorted(entry.name for entry in scripts.iterdir() if entry.name.endswith(".sql"))
    connection = op.get_bind().connection.cursor()
    for name in names:
        if _version(name) <= _UP_TO:
            # Through the driver: the scripts hold several statements and colons that are no parameters.
            connection.execute(scripts.joinpath(name).read_text())
