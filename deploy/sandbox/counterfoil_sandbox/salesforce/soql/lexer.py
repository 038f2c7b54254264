"""Splitting a query into tokens, with Salesforce's escapes in strings and its unquoted dates."""

import re
from dataclasses import dataclass

from counterfoil_sandbox.salesforce.errors import ApiError

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?::\d+)?)
    | (?P<operator><=|>=|!=|<>|[=<>(),])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_LIKE_ESCAPES = {"_", "%"}


@dataclass(frozen=True)
class Token:
    """One token: its kind, text as written, and the column it begins at, counted from 1."""

    kind: str
    text: str
    column: int


def malformed(query: str, column: int, message: str) -> ApiError:
    """Return MALFORMED_QUERY with the caret line Salesforce draws."""
    return ApiError("MALFORMED_QUERY", locate(query, column) + message)


def locate(query: str, column: int) -> str:
    """Return the excerpt with a caret that precedes the message of a query error."""
    start = max(column - 40, 0)
    excerpt = query[start : column + 40].replace("\n", " ")
    return f"\n{excerpt}\n{' ' * (column - 1 - start)}^\nERROR at Row:1:Column:{column}\n"


def tokenize(query: str) -> list[Token]:
    """Split a query.

    Raises:
        ApiError: MALFORMED_QUERY at a character no token begins with.
    """
    tokens: list[Token] = []
    position = 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if match is None:
            raise malformed(query, position + 1, f"unexpected token: '{query[position]}'")
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), position + 1))
        position = match.end()
    tokens.append(Token("end", "<EOF>", len(query) + 1))
    return tokens


def unescape(query: str, token: Token, *, pattern: bool = False) -> str:
    """Return the text of a string token; in a LIKE pattern escaped wildcards keep their backslash."""
    result: list[str] = []
    characters = iter(token.text[1:-1])
    for character in characters:
        if character != "\\":
            result.append(character)
            continue
        escaped = next(characters)
        if pattern and escaped in _LIKE_ESCAPES | {"\\"}:
            result.append("\\" + escaped)
        elif escaped in _ESCAPES:
            result.append(_ESCAPES[escaped])
        elif escaped in _LIKE_ESCAPES:
            result.append(escaped)
        else:
            raise malformed(query, token.column, f"Illegal string literal escape: '\\{escaped}'")
    return "".join(result)
