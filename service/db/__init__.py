"""The one store: PostgreSQL, its transactions, its wake-ups, and the embedded server.

`Database` opens transactions, and is the only place that commits; a `Writer` does so with one statement. `Together`
reads once for all who ask at the same time. `Wakes` tells waiting loops, here and in other processes, that there is
work. `Sealed` is the type of columns that are encrypted at rest. `EmbeddedPostgres` runs a server of our own when no
URL is configured.
"""

from service.db._among import among
from service.db._database import Database, Transaction, metadata, open_database
from service.db._dsn import plain_url
from service.db._embedded import EmbeddedPostgres
from service.db._sealed import Sealed, shown
from service.db._together import Together
from service.db._wakes import Wakes
from service.db._writer import Writer

__all__ = [
    "Database",
    "EmbeddedPostgres",
    "Sealed",
    "Together",
    "Transaction",
    "Wakes",
    "Writer",
    "among",
    "metadata",
    "open_database",
    "plain_url",
    "shown",
]
