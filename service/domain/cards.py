"""Card numbers, which are none of our business: found wherever somebody may have typed one, and never stored.

A run of digits counts as one if a card network issues such numbers (by beginning and length) and its check digit is
right: ISO/IEC 7812-1. A tenth of other numbers of such a form has a right check digit by chance, so an order number may
be taken for a card; the other way round does not happen.
"""

import re
from typing import Any

REMOVED = "[removed: card number]"
_RUN = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){12,}(?![0-9A-Za-z])")
_LONGEST = 19
# Beginning and length by network: Visa, Mastercard, American Express, Diners, JCB, Discover, UnionPay, Maestro.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12,17}|35\d{14,17}|6\d{15,18}"
)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord("x") for byte in range(256))
_SHORTEST = b"0" * 13
_ESCAPED = b"\\u00"


def _is_card(digits: str) -> bool:
    if _ISSUED.fullmatch(digits) is None or len(set(digits)) == 1:
        return False
    own = sum(int(digit) for digit in digits[::-2])
    return (own + sum(_DOUBLED[int(digit)] for digit in digits[-2::-2])) % 10 == 0


def _has_card(run: str) -> bool:
    """Tell whether neighbouring groups of a run are a card number: a date or a code may stand before or after it."""
    groups = re.split("[ -]", run)
    for first in range(len(groups)):
        digits = ""
        for group in groups[first:]:
            digits += group
            if len(digits) > _LONGEST:
                break
            if _is_card(digits):
                return True
    return False


def holds_card(text: str) -> bool:
    """Tell whether there is a card number in a text, with or without spaces and hyphens."""
    return any(_has_card(found[0]) for found in _RUN.finditer(text))


def may_hold_card(raw: bytes) -> bool:
    """Tell, in microseconds, whether it is worth looking: whether 13 digits follow each other anywhere, or are escaped.

    `raw` may be JSON, in which a digit, a space or a hyphen can be written as its number.
    """
    return _ESCAPED in raw or _SHORTEST in raw.translate(_DIGITS, b" -")


def remove_cards(value: Any, path: str = "") -> list[str]:
    """Replace card numbers in decoded JSON, at any depth, in place; return the paths of their fields.

    Looked for in texts and in the names of fields. A number is an amount or a time, and is left alone.
    """
    found: list[str] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        name = _without_cards(key) if isinstance(key, str) else key
        place = f"{path}.{name}" if path else str(name)
        if name != key:
            value[name] = value.pop(key)
            found.append(place)
        if isinstance(inner, str):
            if (kept := _without_cards(inner)) != inner:
                value[name] = kept
                found.append(place)
        elif isinstance(inner, dict | list):
            found += remove_cards(inner, place)
    return found


def _without_cards(text: str) -> str:
    if len(text) < len(_SHORTEST) or not holds_card(text):
        return text
    return _RUN.sub(lambda run: REMOVED if _has_card(run[0]) else run[0], text)
