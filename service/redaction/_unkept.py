"""What is never kept, wherever somebody put it: card numbers, keys and tokens.

Looked for in every text and in the names of fields. A number of JSON is an amount or a time, and is left alone.
"""

from typing import Any

from service.redaction._cards import REMOVED_CARD, holds_card, may_hold_card, without_cards
from service.redaction._keys import REMOVED_KEY, holds_key, may_hold_key, without_keys

_SHORTEST = 13  # a card number; every key is longer


def may_hold_unkept(raw: bytes) -> bool:
    """Tell, in microseconds, whether it is worth looking; `raw` may be JSON."""
    return may_hold_card(raw) or may_hold_key(raw)


def remove_unkept(value: Any, path: str = "") -> list[str]:
    """Replace it in decoded JSON, at any depth, in place; return the paths of its fields."""
    found: list[str] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        name = told(key) if isinstance(key, str) else key
        place = f"{path}.{name}" if path else str(name)
        if name != key:
            value[name] = value.pop(key)
            found.append(place)
        if isinstance(inner, str):
            if (kept := told(inner)) != inner:
                value[name] = kept
                found.append(place)
        elif isinstance(inner, dict | list):
            found += remove_unkept(inner, place)
    return found


def told(text: str) -> str:
    """Return a text as it may be kept and shown."""
    return text if len(text) < _SHORTEST else without_keys(without_cards(text))


def had_card(text: str) -> bool:
    """Tell whether a card number is in a text, or was taken out of it."""
    return REMOVED_CARD in text or holds_card(text)


def had_key(text: str) -> bool:
    """Tell whether a key is in a text, or was taken out of it."""
    return REMOVED_KEY in text or holds_key(text)
