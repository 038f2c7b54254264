"""How deep a JSON text is nested, told before it is parsed: what is too deep can be read but not written again.

The encoder gives up at 254 levels and Python at a thousand calls; a Stripe object needs about ten. Refusing the rest at
the door keeps both out of every room behind it.
"""

import re

MAX_DEPTH = 200

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)


def nested_too_deeply(text: bytes) -> bool:
    """Tell whether `text` has more than `MAX_DEPTH` levels; reads closely only what could, after a quick count."""
    if text.count(b"{") + text.count(b"[") <= MAX_DEPTH:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        first = token[0][:1]
        if first in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif first in b"}]":
            depth -= 1
    return False
