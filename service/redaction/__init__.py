"""What must not be kept or told, known by its form (card numbers, keys, tokens) or by its field. Below all else, pure.

Doors refuse it or take it out (`remove_unkept`); what a vendor says of itself, logs and traces go through `told`.
Refuses to guess: a key of a maker it does not know, or a card number in words, is a text like any other.
"""

from service.redaction._cards import REMOVED_CARD, holds_card, may_hold_card
from service.redaction._fields import FIELDS, FieldClass, without_people
from service.redaction._keys import REMOVED_KEY, holds_key, may_hold_key
from service.redaction._unkept import had_card, had_key, may_hold_unkept, remove_unkept, told

__all__ = [
    "FIELDS",
    "REMOVED_CARD",
    "REMOVED_KEY",
    "FieldClass",
    "had_card",
    "had_key",
    "holds_card",
    "holds_key",
    "may_hold_card",
    "may_hold_key",
    "may_hold_unkept",
    "remove_unkept",
    "told",
    "without_people",
]
