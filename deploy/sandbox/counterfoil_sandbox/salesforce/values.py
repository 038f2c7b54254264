"""Values on their way in (JSON to stored, with every check of a single field) and out (stored to JSON).

Stored numbers are Decimals; a double appears only in the JSON of an answer, because that is what Salesforce sends.
Wording and codes follow "Status Codes and Error Responses" of the REST API Developer Guide.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from counterfoil_sandbox.salesforce.errors import ApiError, RecordError
from counterfoil_sandbox.salesforce.ids import to_18
from counterfoil_sandbox.salesforce.model import NUMBER_TYPES, TEXT_TYPES, Field

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_ADDRESS_PARTS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def accept(field: Field, raw: object) -> Any:  # noqa: PLR0911  # one return for each kind of value
    """Turn the JSON value of a field into the stored one; empty text becomes None, over-long fractions are rounded.

    Raises:
        ApiError: the JSON type does not fit the field.
        RecordError: the value does not fit the field.
    """
    if field.type == "boolean":
        return _boolean(field, raw)
    if raw is None:
        return None
    if field.type in TEXT_TYPES:
        return _text(field, raw)
    if field.type in NUMBER_TYPES:
        return _number(field, raw)
    if field.type == "date":
        return _moment(field, raw).date()
    if field.type == "datetime":
        return _moment(field, raw).replace(microsecond=0)
    if field.type in {"reference", "id"}:
        return _identifier(field, raw)
    raise _mistyped(field, raw)


def _boolean(field: Field, raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in {"true", "false"}:
        return raw.lower() == "true"
    if raw is None:
        raise RecordError(
            "INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: null", [field.name]
        )
    raise _mistyped(field, raw)


def _text(field: Field, raw: object) -> str | None:
    if not isinstance(raw, str):
        raise _mistyped(field, raw)
    text = raw.strip()
    if not text:
        return None
    if field.length and len(text) > field.length:
        raise RecordError(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            [field.name],
        )
    if field.restricted and text not in {value.value for value in field.picklist}:
        if field.name == "CurrencyIsoCode":
            raise RecordError("INVALID_CURRENCY_ISO", f"{field.label}: invalid currency code: {text}", [field.name])
        raise RecordError(
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            f"{field.label}: bad value for restricted picklist field: {text}",
            [field.name],
        )
    if field.type == "email" and not _EMAIL.fullmatch(text):
        raise RecordError("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", [field.name])
    return text


def _number(field: Field, raw: object) -> Decimal | int:
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal | str):
        raise _mistyped(field, raw)
    try:
        number = Decimal(str(raw))
    except InvalidOperation as error:
        raise _mistyped(field, raw) from error
    if not number.is_finite() or (field.type == "int" and number != number.to_integral_value()):
        raise _mistyped(field, raw)
    limit = Decimal(10) ** (field.precision - field.scale if field.precision else 18)
    if abs(number) < limit:
        number = number.quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP)
    if abs(number) >= limit:
        raise RecordError(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {raw}",
            [field.name],
        )
    return int(number) if field.type == "int" else number


def _moment(field: Field, raw: object) -> datetime:
    if not isinstance(raw, str):
        raise _mistyped(field, raw)
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError as error:
        raise _mistyped(field, raw) from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _identifier(field: Field, raw: object) -> str | None:
    if not isinstance(raw, str):
        raise _mistyped(field, raw)
    if not raw:
        return None
    full = to_18(raw)
    if full is None:
        raise RecordError("MALFORMED_ID", f"{field.label}: id value of incorrect type: {raw}", [field.name])
    return full


def _mistyped(field: Field, raw: object) -> ApiError:
    tokens: dict[type, str] = {str: "VALUE_STRING", int: "VALUE_NUMBER_INT", dict: "START_OBJECT", list: "START_ARRAY"}
    token = f"VALUE_{str(raw).upper()}" if isinstance(raw, bool) else tokens.get(type(raw), "VALUE_NUMBER_FLOAT")
    shown = "" if isinstance(raw, dict | list) else f" value {raw}"
    return ApiError(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token}{shown} or request may be missing a required field "
        f"at [line:1, column:2]",
    )


def render(field: Field, row: Mapping[str, Any]) -> Any:
    """Return the JSON value of a field of a stored row."""
    if field.type == "address":
        return _address(field, row)
    value = row.get(field.name)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    if isinstance(value, date):
        return value.isoformat()
    return value


def _address(field: Field, row: Mapping[str, Any]) -> dict[str, Any] | None:
    prefix = field.name.removesuffix("Address")
    parts = {part: row.get(prefix + part) for part in _ADDRESS_PARTS}
    if all(value is None for value in parts.values()):
        return None
    return {
        part[0].lower() + part[1:]: float(value) if isinstance(value, Decimal) else value
        for part, value in parts.items()
    }
