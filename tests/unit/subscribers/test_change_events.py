"""Change events decoded: against the published vectors, and against an encoder of its own on every kind of schema."""

import json
import os
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.pubsub._changes import HEADER, names_of, told
from subscribers.pubsub._schemas import decode

VENDOR = Path(os.environ.get("COUNTERFOIL_VENDOR_DATA", Path(__file__).parents[4] / "shared" / "data")) / "salesforce"
needs_vendor = pytest.mark.skipif(not VENDOR.exists(), reason="the vendor's published data is not here")
ADDRESS = {
    "type": "record",
    "name": "Address",
    "fields": [{"name": name, "type": ["null", "string"], "default": None} for name in ("Street", "City", "State")],
}
LISTS = ("nulledFields", "diffFields", "changedFields")


def schema_of(fields: list[tuple[str, Any]]) -> Any:
    strings = {"type": "array", "items": "string"}
    header = {
        "type": "record",
        "name": HEADER,
        "fields": [{"name": "changeType", "type": "string"}, *({"name": name, "type": strings} for name in LISTS)],
    }
    rest = [{"name": name, "type": ["null", kind], "default": None} for name, kind in fields]
    named = {"type": "record", "name": "XChangeEvent", "namespace": "com.sforce.eventbus"}
    return fastavro.parse_schema({**named, "fields": [{"name": HEADER, "type": header}, *rest]})


def vendor_schema(layout: str, layouts: dict[str, list[str]]) -> Any:
    if layout.endswith(".avsc"):
        return fastavro.parse_schema(json.loads((VENDOR / layout).read_text()))
    address = "com.sforce.eventbus.Address"
    fields: list[tuple[str, Any]] = [(name, "string") for name in layouts[layout][1:]]
    found = [(name, kind if not name.endswith("Address") else address) for name, kind in fields]
    first = next(number for number, (_, kind) in enumerate(found) if kind == address)
    found[first] = (found[first][0], ADDRESS)
    return schema_of(found)


@needs_vendor
def test_the_published_vectors() -> None:
    golden = json.loads((VENDOR / "bitmap/golden.json").read_text())
    assert golden["vectors"]
    for vector in golden["vectors"]:
        assert names_of(vector["bitmap"], vendor_schema(vector["layout"], golden["layouts"])) == vector["fields"], (
            vector
        )


@needs_vendor
def test_an_update_as_it_travels() -> None:
    sample = json.loads((VENDOR / "samples/opportunity_change_events.json").read_text())["update"]
    schema: Any = fastavro.parse_schema(
        json.loads((VENDOR / "avro/OpportunityChangeEvent.SEMI-SYNTHETIC.avsc").read_text())
    )
    payload = decode(schema, bytes.fromhex(sample["avro_hex"]))
    assert payload is not None
    found = told(payload, schema)
    assert found[HEADER]["nulledFields"] == ["NextStep"]
    assert set(found[HEADER]["changedFields"]) == set(found) - {HEADER}
    assert (found["StageName"], found["IsWon"], found["NextStep"]) == ("Closed Won", True, None)
    assert "Amount" not in found, "what did not change is not told"


KINDS = st.sampled_from(["string", "boolean", "Address"])


@st.composite
def updates(draw: st.DrawFn) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Draw a schema, and an update of some of its fields: field to value, a part of a compound one as "A.City"."""
    kinds = draw(st.lists(KINDS, min_size=1, max_size=130))
    fields: list[tuple[str, Any]] = []
    for number, kind in enumerate(kinds):
        defined = any(isinstance(known, dict) for _, known in fields)
        record = "com.sforce.eventbus.Address" if defined else ADDRESS
        fields.append((f"F{number}", record if kind == "Address" else kind))
    news: dict[str, Any] = {}
    for (name, _), kind in zip(fields, kinds, strict=True):
        if not draw(st.booleans()):
            continue
        if kind == "Address":
            parts = draw(st.sets(st.sampled_from(["Street", "City", "State"]), min_size=1))
            news |= {f"{name}.{part}": draw(st.none() | st.just("x")) for part in parts}
        else:
            news[name] = draw(st.none() | (st.just("x") if kind == "string" else st.booleans()))
    return schema_of(fields), news, dict(zip((name for name, _ in fields), kinds, strict=True))


def encoded(schema: Any, news: dict[str, Any], names: list[str]) -> list[str]:
    """Write names as bitmaps, by counting places in the schema as text: nothing here reads a bitmap."""
    order = [field["name"] for field in schema["fields"]]
    plain = sum(2 ** order.index(name) for name in names if "." not in name)
    texts = [hex(plain)] if plain else []
    for number, field in enumerate(order):
        parts = [name.partition(".")[2] for name in names if name.startswith(f"{field}.")]
        bits = sum(2 ** ["Street", "City", "State"].index(part) for part in parts)
        texts += [f"{number}-{hex(bits)}"] if bits else []
    assert set(names) <= set(news)
    return texts


@given(updates())
def test_what_was_written_is_read(drawn: tuple[Any, dict[str, Any], dict[str, str]]) -> None:
    schema, news, kinds = drawn
    emptied = [name for name, value in news.items() if value is None]
    payload: dict[str, Any] = dict.fromkeys(kinds)
    for name, value in news.items():
        parent, _, part = name.partition(".")
        if part:
            payload[parent] = (payload[parent] or dict.fromkeys(("Street", "City", "State"))) | {part: value}
        else:
            payload[name] = value
    lists = {"changedFields": encoded(schema, news, list(news)), "nulledFields": encoded(schema, news, emptied)}
    body = BytesIO()
    header = {"changeType": "UPDATE", "diffFields": [], **lists}
    fastavro.schemaless_writer(body, schema, {HEADER: header, **payload})
    decoded = decode(schema, body.getvalue())
    assert decoded is not None
    found = told(decoded, schema)
    assert set(found[HEADER]["changedFields"]) == set(news)
    assert set(found[HEADER]["nulledFields"]) == set(emptied)
    flat = {name: value for name, value in found.items() if name != HEADER and not isinstance(value, dict)}
    flat |= {
        f"{name}.{part}": inner
        for name, value in found.items()
        if name != HEADER and isinstance(value, dict)
        for part, inner in value.items()
    }
    assert flat == news


@pytest.mark.parametrize("text", ["", "0x", "Amount", "9-0x1", "99999-0x1", "1-0x1", "0x10000", "-1"])
def test_what_cannot_be_read_is_carried(text: str) -> None:
    schema = schema_of([("A", "string"), ("B", "string")])
    assert text in names_of([text], schema)
    header = {"changeType": "UPDATE", "nulledFields": [], "diffFields": [], "changedFields": [text]}
    assert told({HEADER: header, "A": None, "B": "y"}, schema) == {HEADER: header | {"changedFields": [text]}, "B": "y"}


def test_a_creation_tells_every_field_and_other_events_are_left_alone() -> None:
    schema = schema_of([("A", "string")])
    created = {HEADER: {"changeType": "CREATE", **{name: [] for name in LISTS}}, "A": None}
    assert told(created, schema) == created
    assert told({"CreatedDate": 1, "A": None}, schema) == {"CreatedDate": 1, "A": None}
