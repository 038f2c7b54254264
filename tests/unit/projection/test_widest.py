"""The widest records are all there is: no rule writes a field, or a longer value, that they do not show."""

import ast
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service import projection
from service.domain import DesiredRecord
from service.errors import CounterfoilError
from service.mirror import MirrorRow
from service.projection import PaymentStatus, widest_records
from service.projection._records import records

# A reaction makes an event, which is no record.
NO_RULES = {"_reactions.py", "_widest.py"}
RULES = [
    node
    for path in Path(projection.__file__).parent.glob("*.py")
    if path.name not in NO_RULES
    for node in ast.walk(ast.parse(path.read_text()))
]
WIDEST = widest_records("main")
MOMENT = datetime(2026, 11, 23, tzinfo=UTC)


def fields_of(found: list[DesiredRecord]) -> dict[tuple[str, str], set[str]]:
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in found:
        keys[record.sobject, record.key_field] |= set(record.fields)
    return keys


def longest(field: str) -> set[int]:
    """Return how long the field gets in each of the objects that have it."""
    lengths: dict[str, int] = defaultdict(int)
    for record in WIDEST:
        if record.fields.get(field) is not None:
            lengths[record.sobject] = max(lengths[record.sobject], len(str(record.fields[field])))
    return set(lengths.values())


def test_every_field_has_a_value_somewhere() -> None:
    empty = fields_of(WIDEST)
    for record in WIDEST:
        filled = {name for name, value in record.fields.items() if value is not None}
        empty[record.sobject, record.key_field] -= filled
    assert not {place: fields for place, fields in empty.items() if fields}


def test_every_field_that_the_rules_spell_is_there() -> None:
    spelled = {node.value for node in RULES if isinstance(node, ast.Constant) and str(node.value).endswith("__c")}
    shown = set().union(*fields_of(WIDEST).values())
    # Names of objects and of the key are spelled too; a field may be called like the object it leads to.
    others = {record.sobject for record in WIDEST} | {record.key_field for record in WIDEST}
    assert len(shown) > 100
    assert spelled - others <= shown <= spelled


def test_every_text_that_is_cut_is_as_long_as_it_gets() -> None:
    cuts: dict[str, set[int]] = defaultdict(set)
    for node in RULES:
        if not isinstance(node, ast.Dict):
            continue
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(value, ast.Call) and ast.unparse(value.func) == "cut":
                length = value.args[1]
                assert isinstance(length, ast.Constant)
                cuts[str(key.value)].add(int(str(length.value)))
    assert len(cuts) > 15
    assert {field: longest(field) for field in cuts} == cuts


def test_statuses_are_told_by_their_api_names() -> None:
    known = {status.value for status in PaymentStatus}
    shown = {record.fields[name] for record in WIDEST for name in record.fields if name.endswith("Status__c")}
    assert shown & known


words = st.none() | st.text(max_size=5) | st.integers(-1, 2**40)
bodies = st.dictionaries(
    st.sampled_from(
        ["status", "amount", "currency", "created", "latest_charge", "url", "fee", "net", "customer", "captured"]
    ),
    words,
)


@given(st.lists(bodies, min_size=5, max_size=5), st.sampled_from(["006000000000001AAA", "801000000000001AAA", None]))
def test_no_payment_however_odd_writes_another_field(content: list[dict[str, Any]], record_id: str | None) -> None:
    def row(kind: str, key: str, parent: str | None, body: dict[str, Any]) -> MirrorRow:
        return MirrorRow("acme", key, kind, body, parent, record_id, MOMENT, False, None, 1)

    request, session, intent, charge, transaction = content
    rows = [
        row("counterfoil.request", "cmd_1", None, request),
        row("checkout.session", "cs_1", "cmd_1", session),
        row("payment_intent", "pi_1", "cmd_1", intent),
        row("charge", "ch_1", "pi_1", charge | {"balance_transaction": "txn_1"}),
        row("balance_transaction", "txn_1", "ch_1", transaction),
    ]
    try:
        found = records(rows, org="main")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, CounterfoilError):
        return  # a lane that is set aside writes nothing
    shown = fields_of(WIDEST)
    assert all(fields == shown[place] for place, fields in fields_of(found).items())
