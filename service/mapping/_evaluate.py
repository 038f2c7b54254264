"""Working out one expression: what it sees, what it may use, and which values it may give.

An amount is seen as decimal text, "12.345", exact for every currency; the functions below reckon with such texts and
whole numbers and give exact decimals. A fact that is not known yet is null, and what is reckoned with null is null. A
key that Stripe's object lacks gives null too: Stripe leaves out what does not apply. Salesforce gets a number where the
value is one of these functions or a whole number, and a text where it is a text.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from typing import Any

import cel

from service.config import compiled
from service.domain import Reference, Value

# As many digits as decimal128 has; more than any amount needs, and a bound on every step.
_EXACT = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_LARGEST_EXPONENT = 30
_LONGEST_TEXT = 32_000
_NUMBER = "$number"


class ExpressionFailed(ValueError):
    """An expression has no value that could be written. `target` is the field it was for; no value is in the text."""

    def __init__(self, target: str, fault: str) -> None:
        super().__init__(f"{target}: {fault}")
        self.target = target
        self.fault = fault


def _decimal(value: Any) -> Decimal:
    if isinstance(value, dict):
        value = value.get(_NUMBER)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError("a decimal text or a whole number is needed")
    found = Decimal(value)
    if not found.is_finite() or abs(found.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError("a number of at most 30 digits is needed")
    return found


def _number(value: Decimal) -> dict[str, str]:
    return {_NUMBER: format(value, "f")}


def _arithmetic(work: Callable[..., Decimal]) -> Callable[..., dict[str, str] | None]:
    def reckon(*values: Any) -> dict[str, str] | None:
        if any(value is None for value in values):
            return None
        with localcontext(_EXACT):
            return _number(work(*map(_decimal, values)))

    return reckon


def _round(value: Any, digits: int) -> dict[str, str] | None:
    """Round half to even, as accountants do, to so many digits after the point."""
    if value is None:
        return None
    with localcontext(_EXACT):
        return _number(_decimal(value).quantize(Decimal(1).scaleb(-max(0, min(digits, 18)))))


def _less(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else _decimal(left) < _decimal(right)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else format(_decimal(value), "f")


def _of_text(work: Callable[..., str]) -> Callable[..., str | None]:
    def change(value: str | None, *more: Any) -> str | None:
        return None if value is None else work(value, *more)

    return change


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "add": _arithmetic(lambda left, right: left + right),
    "subtract": _arithmetic(lambda left, right: left - right),
    "multiply": _arithmetic(lambda left, right: left * right),
    "number": _arithmetic(lambda value: value),
    "round": _round,
    "less": _less,
    "text": _text,
    "upper": _of_text(str.upper),
    "lower": _of_text(str.lower),
    "trim": _of_text(str.strip),
    "replace": _of_text(lambda value, old, new: value.replace(old, new) if old else value),
    "substring": _of_text(lambda value, start, end: value[max(0, start) : max(0, end)]),
}


def _seen(value: Any) -> Any:
    """Return a value as expressions see it: no binary fraction, no lookup, only texts, whole numbers, lists, maps."""
    match value:
        case Decimal():
            return format(value, "f")
        case float():
            return format(Decimal(str(value)), "f")
        case Reference():
            return value.key
        case Mapping():
            return {name: _seen(one) for name, one in value.items()}
        case list() | tuple():
            return [_seen(one) for one in value]
        case _:
            return value


def evaluate(target: str, source: str, *, ours: Mapping[str, Any], stripe: Mapping[str, Any] | None) -> Value:
    """Return the value of an expression for a field.

    Raises:
        ExpressionFailed: it does not fit what it was given, or its value is none that Salesforce takes exactly.
    """
    context = cel.Context({"ours": _seen(ours), "stripe": _seen(stripe or {})}, _FUNCTIONS)
    try:
        found = compiled(source).execute(context)
    except KeyError:
        return None
    except Exception as error:  # noqa: BLE001  (CEL's errors have no base of their own; their texts may hold values)
        raise ExpressionFailed(target, f"its expression does not fit a record ({type(error).__name__})") from None
    return _value(target, found)


def _value(target: str, found: Any) -> Value:
    if isinstance(found, dict) and set(found) == {_NUMBER}:
        return Decimal(found[_NUMBER])
    if isinstance(found, datetime) or not (found is None or isinstance(found, str | int)):
        kind = "a binary fraction" if isinstance(found, float) else f"a {type(found).__name__}"
        raise ExpressionFailed(target, f"its expression gives {kind}: give a text, a number() or a true or false")
    if isinstance(found, str) and len(found) > _LONGEST_TEXT:
        raise ExpressionFailed(target, f"its expression gives more than {_LONGEST_TEXT} characters")
    return found
