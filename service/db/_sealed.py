"""The type of a column whose content is sealed at rest: what reads and writes it in Python sees the text itself.

SQL sees the stored form, so nothing may compare such a column with a value, or look into it, within a statement. In a
text statement the parameter or the column is given this type by name, else it holds the stored form.
"""

from typing import Any

from sqlalchemy import Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from service.errors import Unreadable
from service.sealing import Vault

_PLAIN = Vault()
_ATTRIBUTE = "counterfoil_vault"


def bind_vault(dialect: Dialect, vault: Vault) -> None:
    """Have whatever goes through a dialect sealed and opened by a vault."""
    setattr(dialect, _ATTRIBUTE, vault)


class Sealed(TypeDecorator[Any]):
    """Text of one column, named as "table.column".

    Reading raises Unreadable for what cannot be opened. With `apart` the error itself is the value: for whoever reads
    many rows at once, and sets such a one aside.
    """

    impl = Text
    cache_ok = True

    def __init__(self, place: str, *, apart: bool = False) -> None:
        super().__init__()
        self.place = place
        self.apart = apart

    @property
    def each(self) -> "Sealed":
        """The same, with the error as the value of a text that cannot be opened."""
        return Sealed(self.place, apart=True)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return what is stored."""
        return None if value is None else _vault(dialect).seal(self.place, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | Unreadable | None:
        """Return the text.

        Raises:
            Unreadable: it cannot be opened.
        """
        if value is None:
            return None
        try:
            return _vault(dialect).open(self.place, value)
        except Unreadable as error:
            if self.apart:
                return error
            raise


def _vault(dialect: Dialect) -> Vault:
    vault: Vault = getattr(dialect, _ATTRIBUTE, _PLAIN)
    return vault


def shown(value: str | Unreadable) -> str:
    """Return a text for a person, or in its place why it cannot be shown."""
    return value.message if isinstance(value, Unreadable) else value
