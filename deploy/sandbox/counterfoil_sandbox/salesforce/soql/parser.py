"""A recursive-descent parser of SOQL, after "SOQL SELECT Syntax" in the SOQL and SOSL Reference.

It knows names and grammar only; whether a field exists is for ``run``.
"""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from counterfoil_sandbox.salesforce.errors import not_imitated
from counterfoil_sandbox.salesforce.soql import dates
from counterfoil_sandbox.salesforce.soql.ast import (
    Comparison,
    Condition,
    Expression,
    FieldsFunction,
    Function,
    Literal,
    Logic,
    OrderItem,
    Path,
    Query,
)
from counterfoil_sandbox.salesforce.soql.lexer import Token, malformed, tokenize, unescape

_COMPARE = {"=", "!=", "<>", "<", "<=", ">", ">="}
AGGREGATES = frozenset({"avg", "count", "count_distinct", "max", "min", "sum"})
_REFUSED = {"with", "using", "for", "update", "all", "view", "tracking", "typeof"}
_CLAUSES = _REFUSED | {"where", "group", "having", "order", "limit", "offset"}
_FIELD_GROUPS = {"all", "standard", "custom"}


def parse(query: str) -> Query:
    """Parse one query.

    Raises:
        ApiError: MALFORMED_QUERY, or SANDBOX_NOT_IMITATED for a construct that is left out on purpose.
    """
    parser = _Parser(query)
    result = parser.select()
    parser.expect_end()
    return result


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = tokenize(query)
        self._at = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _unexpected(self, token: Token) -> Exception:
        what = "unexpected end of file" if token.kind == "end" else f"unexpected token: '{token.text}'"
        return malformed(self._query, token.column, what)

    def _is_word(self, *words: str) -> bool:
        return self._token.kind == "name" and self._token.text.lower() in words

    def _word(self, word: str) -> bool:
        if self._is_word(word):
            self._next()
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._word(word):
            raise self._unexpected(self._token)

    def _symbol(self, text: str) -> bool:
        if self._token.kind == "operator" and self._token.text == text:
            self._next()
            return True
        return False

    def _need_symbol(self, text: str) -> None:
        if not self._symbol(text):
            raise self._unexpected(self._token)

    def expect_end(self) -> None:
        if self._is_word(*_REFUSED):
            raise not_imitated(f"the SOQL clause {self._token.text.upper()}")
        if self._token.kind != "end":
            raise self._unexpected(self._token)

    def select(self, *, nested: bool = False) -> Query:
        self._need("select")
        count = self._count() if not nested else False
        selection = () if count else self._selection(nested=nested)
        self._need("from")
        source = self._name()
        alias = None
        if self._token.kind == "name" and not self._is_word(*_CLAUSES):
            alias = self._name()
        where = self._condition() if self._word("where") else None
        if self._is_word(*_REFUSED):
            raise not_imitated(f"the SOQL clause {self._token.text.upper()}")
        groups = self._groups() if self._word("group") else ()
        having = self._condition(aggregates=True) if self._word("having") else None
        order = self._order() if self._word("order") else ()
        limit = self._whole() if self._word("limit") else None
        offset = self._whole() if self._word("offset") else 0
        return Query(selection, source, where, order, limit, offset, count, alias, groups, having)

    def _count(self) -> bool:
        following = [token.text for token in self._tokens[self._at : self._at + 3]]
        if self._is_word("count") and following[1:] == ["(", ")"]:
            self._at += 3
            return True
        return False

    def _selection(self, *, nested: bool) -> tuple[Expression | FieldsFunction | Query, ...]:
        items = [self._selected(nested=nested)]
        while self._symbol(","):
            items.append(self._selected(nested=nested))
        return tuple(items)

    def _selected(self, *, nested: bool) -> Expression | FieldsFunction | Query:
        if self._symbol("("):
            if nested:
                raise not_imitated("a subquery in a subquery")
            query = self.select(nested=True)
            self._need_symbol(")")
            return query
        if self._is_word("typeof"):
            raise not_imitated("TYPEOF")
        if self._is_word("fields") and self._tokens[self._at + 1].text == "(":
            return self._field_group()
        item = self._expression(aggregates=True, labels=True)
        if self._token.kind == "name" and not self._is_word("from"):
            return replace(item, alias=self._name())
        return item

    def _field_group(self) -> FieldsFunction:
        column = self._next().column
        self._need_symbol("(")
        group = self._name().lower()
        self._need_symbol(")")
        if group not in _FIELD_GROUPS:
            raise malformed(self._query, column, f"FIELDS() does not know {group}")
        return FieldsFunction(group)

    def _expression(self, *, aggregates: bool = False, labels: bool = False) -> Expression:
        """A field or a function of one; where no aggregate may stand, its bracket is one too many."""
        path, bracket = self._path(), self._token
        if not self._symbol("("):
            return path
        name = ".".join(path.parts).lower()
        if name in AGGREGATES and not aggregates:
            raise self._unexpected(bracket)
        if name not in AGGREGATES and name not in dates.FUNCTIONS and not (labels and name == "tolabel"):
            raise not_imitated(f"the SOQL function {'.'.join(path.parts)}()")
        inner = self._path()
        self._need_symbol(")")
        return Function(name, inner, path.column)

    def _groups(self) -> tuple[Expression, ...]:
        self._need("by")
        items = [self._expression()]
        while self._symbol(","):
            items.append(self._expression())
        return tuple(items)

    def _name(self) -> str:
        token = self._next()
        if token.kind != "name":
            raise self._unexpected(token)
        return token.text

    def _path(self) -> Path:
        token = self._next()
        if token.kind != "name":
            raise self._unexpected(token)
        return Path(tuple(token.text.split(".")), token.column)

    def _whole(self) -> int:
        token = self._next()
        if token.kind != "number" or not token.text.isdigit():
            raise self._unexpected(token)
        return int(token.text)

    def _order(self) -> tuple[OrderItem, ...]:
        self._need("by")
        items = [self._order_item()]
        while self._symbol(","):
            items.append(self._order_item())
        return tuple(items)

    def _order_item(self) -> OrderItem:
        path = self._expression(aggregates=True)
        descending = self._word("desc")
        if not descending:
            self._word("asc")
        last = False
        if self._word("nulls"):
            last = self._word("last")
            if not last:
                self._need("first")
        return OrderItem(path, descending, last)

    def _condition(self, *, aggregates: bool = False) -> Condition:
        """``a AND b AND c`` or ``a OR b OR c``; Salesforce refuses a mix without parentheses."""
        operands = [self._negation(aggregates=aggregates)]
        if not self._is_word("and", "or"):
            return operands[0]
        operator = self._token.text.lower()
        while self._word(operator):
            operands.append(self._negation(aggregates=aggregates))
        if self._is_word("and", "or"):
            raise self._unexpected(self._token)
        return Logic(operator, tuple(operands))

    def _negation(self, *, aggregates: bool) -> Condition:
        if self._word("not"):
            return Logic("not", (self._negation(aggregates=aggregates),))
        if self._symbol("("):
            inner = self._condition(aggregates=aggregates)
            self._need_symbol(")")
            return inner
        return self._comparison(aggregates=aggregates)

    def _comparison(self, *, aggregates: bool) -> Condition:
        path = self._expression(aggregates=aggregates)
        token = self._next()
        word = token.text.lower()
        if token.kind == "operator" and token.text in _COMPARE:
            return Comparison(path, "!=" if token.text == "<>" else token.text, self._literal())
        if word == "like":
            return Comparison(path, "like", self._literal(pattern=True))
        if word == "in":
            return Comparison(path, "in", self._list())
        if word == "not":
            self._need("in")
            return Comparison(path, "not in", self._list())
        if word in {"includes", "excludes"}:
            raise not_imitated(f"the SOQL operator {token.text.upper()}")
        raise self._unexpected(token)

    def _list(self) -> "tuple[Literal, ...] | Query":
        self._need_symbol("(")
        if self._is_word("select"):
            query = self.select(nested=True)
            self._need_symbol(")")
            return query
        items = [self._literal()]
        while self._symbol(","):
            items.append(self._literal())
        self._need_symbol(")")
        return tuple(items)

    def _literal(self, *, pattern: bool = False) -> Literal:
        token = self._next()
        if token.kind == "string":
            return Literal("string", unescape(self._query, token, pattern=pattern))
        if token.kind == "number":
            return Literal("number", Decimal(token.text))
        try:
            if token.kind == "date":
                return Literal("date", date.fromisoformat(token.text))
            if token.kind == "datetime":
                return Literal("datetime", datetime.fromisoformat(token.text).astimezone(UTC))
        except ValueError as error:
            raise malformed(self._query, token.column, f"Invalid date: {token.text}") from error
        if token.kind == "name":
            return self._named_literal(token)
        raise self._unexpected(token)

    def _named_literal(self, token: Token) -> Literal:
        word, _, count = token.text.lower().partition(":")
        if word in {"true", "false"}:
            return Literal("boolean", word == "true")
        if word == "null":
            return Literal("null", None)
        try:
            days = dates.literal(word, int(count) if count else None, datetime.now(UTC).date())
        except OverflowError as error:
            raise malformed(self._query, token.column, f"Invalid date: {token.text}") from error
        if days is None:
            raise self._unexpected(token)
        return Literal("day", days)
