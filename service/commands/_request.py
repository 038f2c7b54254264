"""A request for a payment: checked, fingerprinted, and given its keys."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime

import orjson

from service.domain import normalise_salesforce_id, sobject_of
from service.errors import InvalidRequest, Violation

METHODS = ("off_session", "unconfirmed", "hosted_checkout")
CREATE_PAYMENT = "create_payment"
CREATE_CUSTOMER = "create_customer"
_VERSION = re.compile(r"^[\x21-\x7e]{1,80}$")
_REQUEST_ID = re.compile(r"^[\x21-\x7e]{1,255}$")
_PAYMENT_METHOD = re.compile(r"^(pm|card|src)_[A-Za-z0-9_]{1,120}$")


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """One request, whoever made it.

    Attributes:
        entity: the legal entity to be paid.
        record_id: the Opportunity or Order to be paid for.
        method: how: "off_session" (charge a saved payment method now), "unconfirmed" (a page of the caller's confirms
            it), or "hosted_checkout" (Stripe's page; its link is written to the record).
        payment_method_id: for off_session, which saved method; None takes the customer's default.
        version: the business version. The same version is the same action; another attempt needs another.
        request_id: the caller's id of this very request, for safe repetition.
        requested_by: who asked: a Salesforce user id or a caller's name.
        source: "grpc" or "salesforce".
        asked_at: when it was asked, UTC, if that was before now.
    """

    entity: str
    record_id: str
    method: str
    payment_method_id: str | None = None
    version: str = "1"
    request_id: str | None = None
    requested_by: str | None = None
    source: str = "grpc"
    asked_at: datetime | None = None

    def checked(self) -> "PaymentRequest":
        """Return the request with its record id in 18 characters.

        Raises:
            InvalidRequest: every violation at once.
        """
        violations: list[Violation] = []
        record_id = self.record_id
        try:
            record_id = normalise_salesforce_id(self.record_id)
            sobject_of(record_id)
        except InvalidRequest as error:
            violations += error.violations
        if self.method not in METHODS:
            violations.append(Violation("method", f"is unknown: give one of {', '.join(METHODS)}"))
        if not _VERSION.fullmatch(self.version):
            violations.append(Violation("version", "must be 1 to 80 visible ASCII characters"))
        if self.request_id is not None and not _REQUEST_ID.fullmatch(self.request_id):
            violations.append(Violation("request_id", "must be 1 to 255 visible ASCII characters"))
        if self.payment_method_id is not None and not _PAYMENT_METHOD.fullmatch(self.payment_method_id):
            violations.append(Violation("payment_method_id", "is not a payment method's id (pm_...)"))
        if self.payment_method_id is not None and self.method != "off_session":
            violations.append(Violation("payment_method_id", "goes with off_session only: leave it out"))
        if violations:
            raise InvalidRequest(violations)
        return replace(self, record_id=record_id)

    def fingerprint(self) -> str:
        """Return what tells the same request from another one with the same business key."""
        content = [CREATE_PAYMENT, self.entity, self.record_id, self.version, self.method, self.payment_method_id]
        return hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]


def idempotency_key(entity: str, record_id: str, operation: str, version: str, step: str) -> str:
    """Return Stripe's key for one step of one business action: the same for ever, whoever runs it."""
    content = orjson.dumps([entity, record_id, operation, version, step])
    return f"counterfoil-{step}-{hashlib.sha256(content).hexdigest()[:40]}"
