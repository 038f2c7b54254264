"""Which PostgreSQL: the configured one, or the embedded one of the data folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from service import migrations
from service.config import Installation, SecretRef, Settings
from service.db import EmbeddedPostgres
from service.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Store:
    """A PostgreSQL that answers at `url`; `embedded` when it is our own."""

    url: str
    embedded: bool


def configured_url(settings: Settings) -> str | None:
    """Return the URL that the settings name, None for the embedded server.

    Raises:
        ConfigurationError: its file cannot be read, or it is of no PostgreSQL.
    """
    url = _named_url(settings)
    if url is None:
        return None
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError("COUNTERFOIL_DATABASE_URL", "is not a PostgreSQL URL", "Use postgresql://...")
    return url.replace("postgres://", "postgresql://", 1)


def _named_url(settings: Settings) -> str | None:
    if settings.database_url_file is not None:
        return SecretRef(file=settings.database_url_file).read("COUNTERFOIL_DATABASE_URL_FILE")
    return settings.database_url.get_secret_value() if settings.database_url is not None else None


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Give the URL of the database, starting the embedded server when none is configured, and stopping it after.

    Raises:
        ConfigurationError: the embedded server does not start, or the URL is of no PostgreSQL.
    """
    url = configured_url(settings)
    if url is not None:
        yield Store(url, embedded=False)
        return
    server = EmbeddedPostgres(settings.data_dir)
    try:
        yield Store(server.start(), embedded=True)
    finally:
        server.stop()


def refuse_embedded_live(settings: Settings, installation: Installation, *, embedded: bool) -> None:
    """Raise ConfigurationError for live keys on the embedded database, unless that was consented to."""
    live = next((name for name, entity in installation.entities.items() if entity.stripe.livemode), None)
    if embedded and live is not None and not settings.allow_embedded_live:
        raise ConfigurationError(
            f"entities.{live}.stripe.livemode",
            "live keys need a database of your own: the embedded one trusts every local user",
            "Set COUNTERFOIL_DATABASE_URL, or COUNTERFOIL_ALLOW_EMBEDDED_LIVE=true to consent",
        )


def prepare(store: Store, settings: Settings, installation: Installation) -> None:
    """Bring the database up to date, or refuse one that is not; refuse live keys on the embedded one.

    Raises:
        ConfigurationError: names the setting and the remedy.
    """
    refuse_embedded_live(settings, installation, embedded=store.embedded)
    if store.embedded or settings.migrate_on_start:
        migrations.upgrade(store.url)
    elif missing := migrations.pending(store.url):
        raise ConfigurationError(
            "COUNTERFOIL_DATABASE_URL",
            f"the database lacks the migrations {', '.join(missing)}",
            "Run 'counterfoil migrate' first, or set COUNTERFOIL_MIGRATE_ON_START=true",
        )
