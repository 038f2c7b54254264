"""What a stored change event says, in the shape both feeds give it, and of shapes nobody promised."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.commands._change_events import Change, read_change

ONE, OTHER = "006000000000001AAA", "006000000000002AAA"
HEADER = {
    "entityName": "Opportunity",
    "recordIds": [ONE],
    "changeType": "UPDATE",
    "changeOrigin": "com/salesforce/api/rest/66.0;client=Counterfoil",
    "commitTimestamp": 1_795_395_723_000,
    "commitUser": "005000000000001AAA",
    "changedFields": ["Amount"],
}


def read(**header: Any) -> Change | None:
    return read_change(orjson.dumps({"ChangeEventHeader": {**HEADER, **header}}).decode())


def some(**header: Any) -> Change:
    found = read(**header)
    assert found is not None
    return found


def test_an_update_names_records_fields_and_who() -> None:
    found = some(recordIds=[ONE, OTHER[:15]])
    assert found.record_ids == (ONE, OTHER)
    assert (found.sobject, found.whole, found.client, found.user) == (
        "Opportunity",
        True,
        "Counterfoil",
        "005000000000001AAA",
    )
    assert found.committed_at == datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
    assert found.touches(frozenset({"Amount"}))
    assert not found.touches(frozenset({"StageName"}))


@pytest.mark.parametrize(
    ("origin", "client"),
    [
        ("com/salesforce/api/soap/55.0;client=SfdcInternalAPI/", "SfdcInternalAPI"),
        ("com/salesforce/api/rest/66.0", None),
        ("com/salesforce/api/rest/66.0;client=NotCounterfoil", "NotCounterfoil"),
        ("client=Counterfoil;x=1", "Counterfoil"),
        ("", None),
        (None, None),
    ],
)
def test_who_wrote(origin: str | None, client: str | None) -> None:
    assert some(changeOrigin=origin).client == client


@pytest.mark.parametrize("kind", ["GAP_CREATE", "GAP_UPDATE", "GAP_UNDELETE"])
def test_a_gap_may_have_changed_anything_and_is_nobodys_own(kind: str) -> None:
    found = some(changeType=kind, changedFields=[])
    assert (found.whole, found.changed, found.client) == (True, None, None)


@pytest.mark.parametrize(
    "header",
    [
        {"changeType": "GAP_OVERFLOW", "recordIds": ["000000000000000AAA"]},
        {"recordIds": ["006*"]},
        {"recordIds": []},
        {"recordIds": None},
        {"recordIds": [7]},
    ],
)
def test_what_names_no_record_may_be_about_all(header: dict[str, Any]) -> None:
    assert not some(**header).whole


@pytest.mark.parametrize("names", [["0x400000"], ["Amount", "4-0x01"], [], None])
def test_fields_nobody_could_read_may_be_any(names: Any) -> None:
    assert some(changedFields=names).touches(frozenset({"StageName"}))


@pytest.mark.parametrize("kind", ["DELETE", "GAP_DELETE"])
def test_what_is_gone_asks_for_nothing(kind: str) -> None:
    assert read(changeType=kind) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(HEADER)), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(HEADER)), JSON))
def test_nothing_that_comes_breaks_it(header: dict[str, Any]) -> None:
    whole = orjson.dumps({"ChangeEventHeader": _small({**HEADER, **header})}).decode()
    assert isinstance(read_change(whole), Change | None)


def _small(value: Any) -> Any:
    """Numbers as JSON in the inbox has them: of 64 bits."""
    if isinstance(value, dict):
        return {name: _small(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_small(one) for one in value]
    return value % 2**63 if isinstance(value, int) and not isinstance(value, bool) else value
