"""Fields of requests, checked one by one: what is wrong is collected, and told all at once.

No description repeats a value: what was sent may be anything.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from google.protobuf.message import Message

from service.api._pages import Position, read_token
from service.domain import SOURCE_OBJECTS, from_minor, normalise_salesforce_id, sobject_of
from service.errors import InvalidRequest, Violation
from service.gen.counterfoil.v1 import payment_pb2

T = TypeVar("T")

DEFAULT_PAGE = 50
MAX_PAGE = 200

# Where our words and the contract's differ.
_PATHS = {"payment_method_id": "off_session.payment_method_id", "amount": "amount.amount_minor"}
_ENTITY = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_PAYMENT = re.compile(r"cmd_[0-9a-f]{32}|pi_[A-Za-z0-9_]{1,250}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_REQUEST = re.compile(r"cmd_[0-9a-f]{32}")
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,255}")
_ANY_ID = re.compile(r"[A-Za-z0-9_]{3,255}")
_LATEST, _NANOS = 4_102_444_800, 1_000_000_000  # the year 2100, in Unix seconds


class Check:
    """Collects what is wrong; every method returns the value, which means nothing once something is wrong."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def wrong(self, field: str, description: str) -> None:
        self.violations.append(Violation(field, description))

    def matches(self, field: str, value: str, form: re.Pattern[str], remedy: str) -> str:
        if not form.fullmatch(value):
            self.wrong(field, f"{'is missing' if not value else 'has a wrong form'}: {remedy}")
        return value

    def entity(self, value: str) -> str:
        return self.matches("entity", value, _ENTITY, "give the name of a legal entity of the configuration")

    def request_id(self, value: str) -> str:
        return self.matches("request_id", value, _REQUEST, "give a request's id (cmd_...)")

    def payment_id(self, value: str) -> str:
        return self.matches("payment_id", value, _PAYMENT, "give a payment's id (cmd_... or pi_...)")

    def amount(self, value: payment_pb2.MinorAmount) -> dict[str, str]:
        """Return an amount as the arguments of an operation."""
        code = self.matches("amount.currency_code", value.currency_code, _CURRENCY, "give three capital letters")
        if value.amount_minor <= 0:
            self.wrong("amount.amount_minor", "must be above zero, in minor units")
        if self.violations:
            return {}
        return {"amount": format(from_minor(value.amount_minor, code), "f"), "currency": code}

    def record_id(self, value: str, among: Mapping[str, str] = SOURCE_OBJECTS) -> str:
        def parse() -> str:
            record_id = normalise_salesforce_id(value)
            sobject_of(record_id, among=among)
            return record_id

        return self.gather(parse) or ""

    def gather(self, parse: Callable[[], T]) -> T | None:
        """Call `parse`, and add what it finds wrong."""
        try:
            return parse()
        except InvalidRequest as error:
            self.violations += [
                Violation(_PATHS.get(one.field, one.field), one.description) for one in error.violations
            ]
            return None

    def form(self, field: str, value: str, form: str, remedy: str) -> str:
        """Return a text of a form, given as a regular expression."""
        return self.matches(field, value, re.compile(form), remedy)

    def own_request_id(self, value: str) -> str | None:
        """Return a caller's id of its request (AIP-155), None where there is none."""
        if value and not _REQUEST_ID.fullmatch(value):
            self.wrong("request_id", "must be at most 255 visible ASCII characters")
        return value or None

    def any_id(self, value: str) -> str:
        """Return the id of a record or an object: Salesforce's in its long form."""
        if not _ANY_ID.fullmatch(value):
            self.wrong("id", f"{'is missing' if not value else 'has a wrong form'}: give the id of a record or object")
        if len(value) in {15, 18} and value.isalnum():
            return self.gather(lambda: normalise_salesforce_id(value, field="id")) or ""
        return value

    def page_size(self, value: int) -> int:
        """Return how many to show; an oversized page is cut to the largest allowed (AIP-158)."""
        if value < 0:
            self.wrong("page_size", f"is negative: give 1 to {MAX_PAGE}, or nothing for {DEFAULT_PAGE}")
        return min(value or DEFAULT_PAGE, MAX_PAGE)

    def position(self, token: str, digest: bytes) -> Position | None:
        """Return where a page begins, None for the first."""
        return self.gather(lambda: read_token(token, digest)) if token else None

    def moment(self, field: str, request: Message) -> datetime | None:
        """Return a time of a request, None where it is unset."""
        if not request.HasField(field):
            return None
        stamp = getattr(request, field)
        seconds, nanos = stamp.seconds, stamp.nanos
        if not (0 <= seconds <= _LATEST and 0 <= nanos < _NANOS):
            self.wrong(field, "is no time between 1970 and 2100")
            return None
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=nanos // 1000)

    def text(self, field: str, value: str, *, most: int, required: bool = False) -> str:
        """Return a text of limited length."""
        if len(value) > most:
            self.wrong(field, f"is longer than {most} characters")
        if required and not value.strip():
            self.wrong(field, "is missing")
        return value.strip()

    def done(self) -> None:
        if self.violations:
            raise InvalidRequest(self.violations)
