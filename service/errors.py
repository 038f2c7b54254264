"""The errors a caller can tell apart; everything else is a fault of ours and stays an ordinary exception.

Each error knows its `reason` (a value of `counterfoil.v1.ErrorReason`), the gRPC status that fits it, and whether the
same request may be tried again. No text here may hold a secret, personal data or a vendor's raw body.

    CounterfoilError
    |-- ConfigurationError      a setting is wrong: names the field, the fault and the remedy
    |-- InvalidRequest          the request itself is malformed: every violation at once
    |   |-- CardData            there is a card number in it
    |   `-- SecretData          there is a key or token in it
    |-- Unauthenticated         the caller does not prove who it is
    |-- PermissionDenied        the caller may not do this, or not to this entity
    |-- IdentityKeysUnavailable the keys by which callers prove themselves cannot be read now
    |-- NotFound                the named thing does not exist here
    |-- Refused                 understood, but not possible in the present state of a record
    |-- Conflict                the same business action was asked before with other parameters
    |-- Overloaded              a stated limit is reached: come back later
    |-- Unreadable              what is stored cannot be opened: its key is missing, or it was changed
    `-- VendorError             Stripe or Salesforce did not do what we asked
        |-- VendorUnavailable   no answer, or an answer that asks for another try
        |-- VendorDenied        credentials or permissions are missing: a person has to act
        |-- VendorRejected      the vendor refused these parameters for good
        `-- PaymentDeclined     the bank said no: an outcome of the payment, not a failure of ours
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class CounterfoilError(Exception):
    """Base of all errors with a reason.

    Attributes:
        reason: name of the value in `counterfoil.v1.ErrorReason`, without its prefix.
        status: name of the canonical gRPC status code.
        retryable: whether the same request may succeed later without a change.
        metadata: machine-readable details, safe to show to a caller.
        retry_after: how long to wait at least before another try, if known.
    """

    reason: str = "INTERNAL"
    status: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after


class ConfigurationError(CounterfoilError):
    """A setting is wrong; the text names the field, what is wrong with it, and how to put it right.

    `others` are further faults found in the same reading; the text tells only how many.
    """

    reason = "CONFIGURATION"
    status = "FAILED_PRECONDITION"

    def __init__(self, field: str, fault: str, remedy: str, *, others: Sequence["ConfigurationError"] = ()) -> None:
        more = f" ({len(others)} more after this one)" if others else ""
        super().__init__(f"{field}: {fault}. {remedy}{more}", metadata={"field": field})
        self.field = field
        self.fault = fault
        self.remedy = remedy
        self.others = tuple(others)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request: `field` is its path, `description` says the fault and the remedy."""

    field: str
    description: str


class InvalidRequest(CounterfoilError):
    """The request is malformed; carries every violation at once."""

    reason = "INVALID_REQUEST"
    status = "INVALID_ARGUMENT"

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations))
        self.violations = tuple(violations)


class CardData(InvalidRequest):
    """There is a card number in the request; names the fields, never the number. Nothing was stored of it."""

    reason = "CARD_DATA"

    def __init__(self, fields: Sequence[str]) -> None:
        super().__init__([Violation(field, "looks like a card number: take it out, none is kept") for field in fields])


class SecretData(InvalidRequest):
    """There is a key or token in the request; names the fields, never the key. Nothing was stored of it."""

    reason = "SECRET_DATA"

    def __init__(self, fields: Sequence[str]) -> None:
        description = "looks like a key or token: take it out, none is kept, and replace it, since it was seen"
        super().__init__([Violation(field, description) for field in fields])


class Unauthenticated(CounterfoilError):
    """The caller does not prove who it is; `cause` is the word for what failed, never a value of what was sent."""

    reason = "UNAUTHENTICATED"
    status = "UNAUTHENTICATED"

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message, metadata={"cause": cause})


class PermissionDenied(CounterfoilError):
    """The caller is known, and may not do this."""

    reason = "PERMISSION_DENIED"
    status = "PERMISSION_DENIED"


class IdentityKeysUnavailable(CounterfoilError):
    """The public keys of a token's issuer cannot be read now."""

    reason = "IDENTITY_KEYS_UNAVAILABLE"
    status = "UNAVAILABLE"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The keys of the token's issuer cannot be read now: try again.")


class NotFound(CounterfoilError):
    """The named thing does not exist here."""

    reason = "NOT_FOUND"
    status = "NOT_FOUND"


class Refused(CounterfoilError):
    """The request is understood but cannot be carried out in the record's present state."""

    reason = "REFUSED"
    status = "FAILED_PRECONDITION"


class Conflict(CounterfoilError):
    """The same business action was asked before with other parameters; nothing was done."""

    reason = "COMMAND_CONFLICT"
    status = "ALREADY_EXISTS"


class Overloaded(CounterfoilError):
    """A stated limit is reached; nothing was stored."""

    reason = "OVERLOADED"
    status = "UNAVAILABLE"
    retryable = True


class Unreadable(CounterfoilError):
    """A stored text cannot be opened: its key is missing, or it was changed. The row stays as it is.

    Attributes:
        place: the column, as "table.column".
        key_id: the key it was sealed with.
    """

    reason = "PAYLOAD_UNREADABLE"
    status = "FAILED_PRECONDITION"

    def __init__(self, place: str, key_id: str, fault: str) -> None:
        super().__init__(
            f"a text in {place}, sealed with the key {key_id!r}, {fault}", metadata={"column": place, "key_id": key_id}
        )
        self.place = place
        self.key_id = key_id


class VendorError(CounterfoilError):
    """Stripe or Salesforce did not do what was asked.

    Attributes:
        vendor: "stripe" or "salesforce".
        code: the vendor's own code, for logs and ledgers; never its message body.
        request_id: the vendor's id of the call, to quote to its support.
    """

    def __init__(
        self,
        message: str,
        *,
        vendor: str,
        code: str | None = None,
        request_id: str | None = None,
        reason: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        metadata = {"vendor": vendor}
        if code:
            metadata["vendor_code"] = code
        if request_id:
            metadata["vendor_request_id"] = request_id
        super().__init__(message, reason=reason, metadata=metadata, retry_after=retry_after)
        self.vendor = vendor
        self.code = code
        self.request_id = request_id


class VendorUnavailable(VendorError):
    """No answer, a server fault, a limit or a lock: the outcome may be unknown, the same call may be repeated."""

    reason = "VENDOR_UNAVAILABLE"
    status = "UNAVAILABLE"
    retryable = True


class VendorDenied(VendorError):
    """Credentials or permissions are missing; a person has to act before another try makes sense."""

    reason = "VENDOR_DENIED"
    status = "FAILED_PRECONDITION"


class VendorRejected(VendorError):
    """The vendor refused these parameters for good."""

    reason = "VENDOR_REJECTED"
    status = "FAILED_PRECONDITION"


class PaymentDeclined(VendorError):
    """The payment was declined. `decline_code` is the bank's word when Stripe tells it; `payment_intent` its object."""

    reason = "PAYMENT_DECLINED"
    status = "FAILED_PRECONDITION"

    def __init__(
        self,
        message: str,
        *,
        code: str | None,
        decline_code: str | None,
        request_id: str | None,
        payment_intent: dict[str, object] | None,
    ) -> None:
        super().__init__(message, vendor="stripe", code=code, request_id=request_id)
        if decline_code:
            self.metadata["decline_code"] = decline_code
        self.decline_code = decline_code
        self.payment_intent = payment_intent
