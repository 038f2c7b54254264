"""The database's URL as its own drivers take it, without SQLAlchemy's word for a driver."""

from sqlalchemy.engine import make_url


def plain_url(url: str) -> str:
    """Return `url` for asyncpg, psycopg or libpq; it holds the password: never log it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
