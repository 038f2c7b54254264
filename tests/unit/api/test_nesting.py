"""Nesting is counted by brackets that are brackets, not by those in texts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api._nesting import MAX_DEPTH, nested_too_deeply

LEAVES = st.none() | st.booleans() | st.integers() | st.text()
WIDE = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)


@given(WIDE, st.integers(1, 2 * MAX_DEPTH))
def test_it_agrees_with_a_walk(core: Any, wrappers: int) -> None:
    value = core
    for number in range(wrappers):
        value = [value] if number % 2 else {'"[{\\': value, "[" * 5: '{"'}
    assert nested_too_deeply(json.dumps(value).encode()) == (wrappers + _depth(core) > MAX_DEPTH)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def test_a_wide_text_is_not_deep() -> None:
    assert not nested_too_deeply(b"[" + b"[]," * 5000 + b"[]]")


@pytest.mark.parametrize("text", [b'"' * 1001, b'"\\' * 1000, b"\\" * 1000 + b"[" * 201, b"]" * 500 + b"[" * 201])
def test_what_is_no_json_ends_the_count_too(text: bytes) -> None:
    assert nested_too_deeply(text) in {True, False}


def test_brackets_in_texts_do_not_count() -> None:
    assert not nested_too_deeply(json.dumps({"text": "[{" * 1000}).encode())
