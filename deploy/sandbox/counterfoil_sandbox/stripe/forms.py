"""Decoding of Stripe's request encoding: `a[b]=1`, `list[0]=x`, `list[]=x`, bare or percent-encoded.

Values stay strings, and a list stays a dict of its indexes: `metadata[1]` and `items[1]` look alike, so types belong to
the endpoint (params.py). A shape that contradicts itself, such as
`a=1&a[b]=2`, is refused rather than guessed at.
"""

import re
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from counterfoil_sandbox.stripe.errors import invalid

_PART = re.compile(r"\[([^\[\]]*)\]")
_MAX_DEPTH = 8


def decode(encoded: str) -> dict[str, Any]:
    """Decode a query string or form body into nested dicts of strings; a list is a dict of its indexes."""
    return nest(parse_qsl(encoded, keep_blank_values=True))


def nest(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """Nest decoded pairs by the brackets in their names."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        _insert(root, key, value)
    return root


def _insert(root: dict[str, Any], key: str, value: str) -> None:
    head, bracket, _ = key.partition("[")
    parts = [head, *_PART.findall(key[len(head) :])]
    if len(parts) > _MAX_DEPTH or (bracket and "".join(f"[{part}]" for part in parts[1:]) != key[len(head) :]):
        raise invalid(f"Invalid request parameter name: {key}", head)
    node = root
    for part, following in pairwise(parts):
        child = node.setdefault(_slot(node, part, following), {})
        if not isinstance(child, dict):
            raise invalid("Invalid object", head)
        node = child
    last = _slot(node, parts[-1], None)
    if isinstance(node.get(last), dict):
        raise invalid("Invalid object", head)
    node[last] = value


def _slot(node: dict[str, Any], part: str, following: str | None) -> str:
    """Name the place in `node`: `[]` opens a new one, except `[][field]` whose field is still free in the last."""
    if part:
        return part
    last = str(len(node) - 1)
    if following and node and isinstance(node.get(last), dict) and following not in node[last]:
        return last
    return str(len(node))
