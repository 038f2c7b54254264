"""What an operation is: which arguments a request for it may hold, and the steps that carry it out. Pure."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from service.commands._request import Request
from service.domain import SOURCE_OBJECTS, normalise_salesforce_id, sobject_of
from service.errors import InvalidRequest, Violation

if TYPE_CHECKING:
    from service.commands._ledger import Command
    from service.commands._steps import Settled, Steps

Check = Callable[[str], str]
"""Returns an argument in its one form, or raises ValueError with what is wrong, without repeating the value."""

_VERSION = re.compile(r"^[\x21-\x7e]{1,80}$")
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,255}$")
_CURRENCY = re.compile(r"^[A-Za-z]{3}$")
_AMOUNT_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Target:
    """The kind of Stripe object that something is done with; `name` is the argument by which it is named."""

    name: str
    prefix: str
    others: tuple[str, ...] = ()

    def check(self, value: str) -> str:
        """Return the id, or raise ValueError."""
        return stripe_id(self.prefix, *self.others)(value)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked for.

    Attributes:
        name: what Operation__c and the ledger call it; stored in rows, so never renamed.
        steps: carries a command out; returns how it ends and what of Stripe's is still to be observed. Raises Refused
            or VendorRejected if it is not possible as asked and nothing happened, any other VendorError to try again.
        arguments: what a request may hold besides its subject, each with its check.
        required: arguments that must be given.
        target: what the request may name instead of a record; None if it is always about a record.
        sources: the objects that the record may be of, by the prefixes of their ids.
        versioned: whether a request without a version is version "1". Otherwise it is an action of its own, which does
            no harm where only what differs is done.
        rules: what must hold between the arguments.
        recheck: compares a command that succeeded with the record as it is now; raises Conflict.
    """

    name: str
    steps: "Callable[[Steps, Command], Awaitable[Settled]]"
    arguments: Mapping[str, Check] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    target: Target | None = None
    sources: Mapping[str, str] = field(default_factory=lambda: SOURCE_OBJECTS)
    versioned: bool = True
    rules: Callable[[Request], Iterator[Violation]] | None = None
    recheck: "Callable[[Steps, Command], Awaitable[None]] | None" = None

    def checked(self, request: Request) -> Request:
        """Return the request with its record id in 18 characters and its arguments in their one form.

        Raises:
            InvalidRequest: every violation at once.
        """
        violations: list[Violation] = []
        record_id, target_id = self._subject(request, violations)
        arguments = dict(self._arguments(request, violations))
        if not _VERSION.fullmatch(request.version) and (request.version or self.versioned):
            violations.append(Violation("version", "must be 1 to 80 visible ASCII characters"))
        if request.request_id is not None and not _REQUEST_ID.fullmatch(request.request_id):
            violations.append(Violation("request_id", "must be 1 to 255 visible ASCII characters"))
        if self.rules is not None:
            violations += self.rules(request)
        if violations:
            raise InvalidRequest(violations)
        return replace(request, record_id=record_id, target_id=target_id, arguments=arguments)

    def _subject(self, request: Request, violations: list[Violation]) -> tuple[str | None, str | None]:
        record_id, target_id = request.record_id, request.target_id
        if target_id is not None and self.target is None:
            violations.append(Violation("target_id", f"does not go with {self.name}: leave it out"))
        elif target_id is not None and self.target is not None:
            try:
                target_id = self.target.check(target_id)
            except ValueError as error:
                violations.append(Violation(self.target.name, str(error)))
        if record_id or target_id is None:
            try:
                record_id = normalise_salesforce_id(record_id or "")
                sobject_of(record_id, among=self.sources)
            except InvalidRequest as error:
                violations += error.violations
        return record_id or None, target_id

    def _arguments(self, request: Request, violations: list[Violation]) -> Iterator[tuple[str, str]]:
        violations += (Violation(name, "is missing") for name in self.required if name not in request.arguments)
        for name, value in request.arguments.items():
            check = self.arguments.get(name)
            if check is None:
                violations.append(Violation(name, f"does not go with {self.name}: leave it out"))
                continue
            try:
                yield name, check(value)
            except ValueError as error:
                violations.append(Violation(name, str(error)))


def one_of(*words: str) -> Check:
    """Return the check of an argument that is one of some words."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"is unknown: give one of {', '.join(words)}")
        return value

    return check


def stripe_id(*prefixes: str) -> Check:
    """Return the check of an id of Stripe's with one of these prefixes."""
    form = re.compile(rf"(?:{'|'.join(prefixes)})_[A-Za-z0-9_]{{1,120}}")

    def check(value: str) -> str:
        if not form.fullmatch(value):
            raise ValueError(f"is not an id of Stripe's: give one that begins with {prefixes[0]}_")
        return value

    return check


def amount(value: str) -> str:
    """Return an amount above zero in units of its currency, as "12.5" for 12.50, so that equal amounts are equal texts.

    Raises:
        ValueError: it is none.
    """
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal(0)
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    within = len(digits) <= _AMOUNT_DIGITS and abs(number.adjusted()) <= _AMOUNT_DIGITS
    if not number.is_finite() or number <= 0 or not within:
        raise ValueError(f"must be a number above zero of at most {_AMOUNT_DIGITS} digits")
    return format(number.normalize(), "f")


def currency(value: str) -> str:
    """Return a currency code in capital letters.

    Raises:
        ValueError: it is not three letters.
    """
    if not _CURRENCY.fullmatch(value):
        raise ValueError("must be three letters of ISO 4217")
    return value.upper()
