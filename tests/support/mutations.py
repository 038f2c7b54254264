"""Inputs that nobody sends on purpose, made of good ones: bytes, JSON, messages of the contract, payloads of events.

The seed decides all of it, so that what was found is found again. Some of the results are good inputs.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Chance = random.Random
# Texts that mean something, by the field they mean it in; "" for every other field.
Words = Mapping[str, Sequence[str]]
CARD = "4242424242424242"
TEXTS = (
    "", " ", "\x00", "a\x00b", "\r\nX: y", "\u202e\u0000", "\U0001d54f" * 300, "x" * 70_000, "../../etc/passwd",
    "'; DROP TABLE inbox; --", "%s%n{0}${x}", CARD, "-0", "1e400", "NaN", "2026-13-45T99:99:99Z", "true", "[]",
    "\ufeff", "00-" + "0" * 32 + "-" + "f" * 16 + "-zz", "\u0661\u0662\u0663", "evt_1", "pi_\u00e9",
    "006000000000000AAA",
)  # fmt: skip
NUMBERS = (0, -1, 1, 7, 2**31 - 1, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 253_402_300_799, 253_402_300_800)
HUGE = (2**63, 2**64, 10**400, 1e308, -1e308, 1e-308, float("nan"), float("inf"), -0.0, 0.1)


def text(chance: Chance, words: Sequence[str] = ()) -> str:
    """Return a text: one of those that mean something here, or one that means trouble."""
    return chance.choice(words) if words and chance.random() < 0.92 else chance.choice(TEXTS)


def broken(chance: Chance, raw: bytes) -> bytes:
    """Return bytes with one to four places spoilt."""
    changed = bytearray(raw or b"\x00")
    for _ in range(chance.randint(1, 4)):
        place, length = chance.randrange(len(changed) + 1), chance.choice((1, 1, 2, 4, 64))
        deed = chance.randrange(5)
        if deed == 0:
            changed[place : place + length] = chance.randbytes(length)
        elif deed == 1:
            del changed[place : place + length]
        elif deed == 2:
            changed[place:place] = chance.randbytes(length)
        elif deed == 3:
            changed[place:place] = changed[:length]
        else:
            del changed[place:]
        changed = changed or bytearray(b"\x00")
    return bytes(changed)


def value(chance: Chance, depth: int = 0) -> Any:
    """Return any JSON value, also one that JSON has no word for."""
    plain: tuple[Callable[[], Any], ...] = (
        lambda: chance.choice(TEXTS),
        lambda: chance.choice(NUMBERS),
        lambda: chance.choice(HUGE),
        lambda: chance.choice((None, True, False)),
        lambda: "\ud800",
    )
    if depth > 3 or chance.random() < 0.7:
        return chance.choice(plain)()
    if chance.random() < 0.5:
        return [value(chance, depth + 1) for _ in range(chance.randrange(4))]
    return {chance.choice(("id", "object", "metadata", *TEXTS)): value(chance, depth + 1) for _ in range(3)}


def _places(body: Any) -> list[tuple[Any, Any]]:
    """Return every place of a JSON value, as what holds it and under which key."""
    found: list[tuple[Any, Any]] = []
    waiting = [body]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        found += [(holder, key) for key in keys]
        waiting += [holder[key] for key in keys if isinstance(holder[key], dict | list)]
    return found


def bent(chance: Chance, body: Mapping[str, Any]) -> bytes:
    """Return a JSON object with up to three places replaced, taken out or nested, as text."""
    changed = json.loads(json.dumps(body))
    for _ in range(chance.randint(0, 3)):
        places = _places(changed)
        if not places:
            break
        holder, key = chance.choice(places)
        deed = chance.randrange(6)
        if deed == 0 and isinstance(holder, dict):
            del holder[key]
        elif deed == 1:
            for _ in range(chance.choice((1, 150, 400))):
                holder[key] = [holder[key]]
        elif deed == 2 and isinstance(holder, dict):
            holder[text(chance)] = value(chance)
        else:
            holder[key] = value(chance)
    try:
        return json.dumps(changed).encode()
    except (RecursionError, UnicodeEncodeError):
        return b"{" * 5000


def message(chance: Chance, empty: Message, words: Words, depth: int = 0) -> Message:
    """Fill a message of the contract, most of its fields, with what their types allow."""
    for field in empty.DESCRIPTOR.fields:
        if chance.random() < 0.25:
            continue
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        if field.is_repeated:
            for _ in range(chance.randrange(3)):
                _add(chance, empty, field, words, depth)
        elif field.message_type is not None:
            inner = getattr(empty, field.name)
            inner.SetInParent()
            if depth < 4:
                message(chance, inner, words, depth + 1)
        else:
            setattr(empty, field.name, _scalar(chance, field, words))
    return empty


def _add(chance: Chance, holder: Message, field: Any, words: Words, depth: int) -> None:
    if field.message_type is not None:
        message(chance, getattr(holder, field.name).add(), words, depth + 1)
    else:
        getattr(holder, field.name).append(_scalar(chance, field, words))


def _scalar(chance: Chance, field: Any, words: Words) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type == FieldDescriptor.TYPE_BYTES:
            return chance.randbytes(chance.randrange(40))
        return text(chance, words.get(field.name, words[""]))
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        known = [one.number for one in field.enum_type.values]
        return chance.choice([*known * 5, 999, -1])
    if kind in {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}:
        return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e30))
    number = chance.choice((0, 1, 7, 50, 1_790_000_000) if chance.random() < 0.8 else NUMBERS)
    if kind in {FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32}:
        number = max(-(2**31), min(number, 2**31 - 1))
    return abs(number) if kind in {FieldDescriptor.CPPTYPE_UINT32, FieldDescriptor.CPPTYPE_UINT64} else number


def record(chance: Chance, schema: Any, words: Words, name: str = "") -> Any:
    """Return a value that an Avro schema of an event allows: texts by the names of their fields, as `message` does."""
    if isinstance(schema, list):
        return record(chance, chance.choice(schema), words, name)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {field["name"]: record(chance, field["type"], words, field["name"]) for field in schema["fields"]}
    if kind == "array":
        return [record(chance, schema["items"], words, name) for _ in range(chance.randrange(3))]
    if kind == "enum":
        return chance.choice(schema["symbols"])
    if isinstance(kind, dict | list):
        return record(chance, kind, words, name)
    found: dict[str, Callable[[], Any]] = {
        "null": lambda: None,
        "string": lambda: text(chance, words.get(name, words[""])),
        "long": lambda: chance.choice(NUMBERS),
        "int": lambda: chance.choice((0, 1, -1, 2**31 - 1)),
        "double": lambda: float(chance.choice((*HUGE[3:], 12.5, 0, 100))),
        "boolean": lambda: chance.random() < 0.5,
    }
    return found[kind]()
