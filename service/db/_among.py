"""Rows by their keys, however many: a long list of tuples is a deep expression to PostgreSQL, arrays are two values."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Text, func, literal, select, tuple_


def among(columns: tuple[ColumnElement[Any], ...], keys: Collection[tuple[str, ...]]) -> ColumnElement[bool]:
    """Tell whether the text `columns` of a row are one of `keys`."""
    values = zip(*sorted(keys), strict=True) if keys else [()] * len(columns)
    arrays = [func.unnest(literal(list(column), ARRAY(Text))) for column in values]
    return tuple_(*columns).in_(select(*arrays))
