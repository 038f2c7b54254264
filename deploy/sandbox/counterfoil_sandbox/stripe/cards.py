"""Stripe's published test cards: what each looks like and how it behaves (docs.stripe.com/testing).

Cards whose behaviour needs a part of Stripe that is not imitated (radar, other payment methods) are
refused by name instead of behaving like an ordinary card.
"""

from dataclasses import dataclass

from counterfoil_sandbox.stripe.errors import Json, invalid, not_imitated

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    """How a bank refuses: Stripe's code, the decline code if any, and the message for the payer."""

    code: str
    decline_code: str | None
    message: str
    advice_code: str | None = None


@dataclass(frozen=True)
class Card:
    """A test card. `decline` refuses charges, and attaching too unless `attaches`."""

    brand: str
    last4: str
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    attaches: bool = True
    authentication: str | None = None  # None, "always", "unless_off_session", or "on_setup"
    available_at_once: bool = False
    refund: str = "succeeds"  # "pending" settles later, "fails" fails after it succeeded
    dispute: str | None = None  # the reason of a dispute opened with the charge, "inquiry", or "multiple"


def _declining(last4: str, decline: Decline, *, attaches: bool = False, brand: str = "visa") -> Card:
    return Card(brand, last4, decline=decline, attaches=attaches)


_GENERIC = Decline("card_declined", "generic_decline", DECLINED, "try_again_later")
_FUNDS = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.", "try_again_later")
_LOST = Decline("card_declined", "lost_card", DECLINED, "do_not_try_again")
_STOLEN = Decline("card_declined", "stolen_card", DECLINED, "do_not_try_again")
_FRAUD = Decline("card_declined", "fraudulent", DECLINED, "do_not_try_again")
_VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    "try_again_later",
)
_EXPIRED = Decline("expired_card", None, "Your card has expired.", "do_not_try_again")
_CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.", "confirm_card_data")
_PROCESSING = Decline(
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
    "try_again_later",
)
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

_CARDS: dict[str, Card] = {
    "visa": Card("visa", "4242"),
    "us": Card("visa", "4242"),
    "visa_debit": Card("visa", "5556", funding="debit"),
    "mastercard": Card("mastercard", "4444"),
    "mastercard_debit": Card("mastercard", "8210", funding="debit"),
    "mastercard_prepaid": Card("mastercard", "5100", funding="prepaid"),
    "amex": Card("amex", "8431"),
    "discover": Card("discover", "9424"),
    "diners": Card("diners", "0004"),
    "jcb": Card("jcb", "0505", country="JP"),
    "unionpay": Card("unionpay", "0005", country="CN"),
    "gb": Card("visa", "0000", country="GB"),
    "de": Card("visa", "0016", country="DE"),
    "fr": Card("visa", "0003", country="FR"),
    "jp": Card("visa", "0003", country="JP"),
    "ca": Card("visa", "0000", country="CA"),
    "bypassPending": Card("visa", "0077", available_at_once=True),
    "pendingRefund": Card("visa", "7726", refund="pending"),
    "refundFail": Card("visa", "5126", refund="fails"),
    "createDispute": Card("visa", "0259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Card("visa", "2685", dispute="product_not_received"),
    "createDisputeInquiry": Card("visa", "1976", dispute="inquiry"),
    "createMultipleDisputes": Card("visa", "8030", dispute="multiple"),
    "chargeDeclined": _declining("0002", _GENERIC),
    "visa_chargeDeclined": _declining("0002", _GENERIC),
    "chargeDeclinedInsufficientFunds": _declining("9995", _FUNDS),
    "visa_chargeDeclinedInsufficientFunds": _declining("9995", _FUNDS),
    "chargeDeclinedLostCard": _declining("9987", _LOST),
    "visa_chargeDeclinedLostCard": _declining("9987", _LOST),
    "chargeDeclinedStolenCard": _declining("9979", _STOLEN),
    "visa_chargeDeclinedStolenCard": _declining("9979", _STOLEN),
    "chargeDeclinedFraudulent": _declining("0019", _FRAUD),
    "visa_chargeDeclinedFraudulent": _declining("0019", _FRAUD),
    "chargeDeclinedVelocityLimitExceeded": _declining("6975", _VELOCITY),
    "visa_chargeDeclinedVelocityLimitExceeded": _declining("6975", _VELOCITY),
    "chargeDeclinedExpiredCard": _declining("0069", _EXPIRED),
    "chargeDeclinedIncorrectCvc": _declining("0127", _CVC),
    "chargeDeclinedProcessingError": _declining("0119", _PROCESSING),
    "visa_chargeDeclinedExpiredCard": _declining("0069", _EXPIRED),
    "visa_chargeDeclinedIncorrectCvc": _declining("0127", _CVC),
    "visa_chargeDeclinedProcessingError": _declining("0119", _PROCESSING),
    "chargeCustomerFail": _declining("0341", _GENERIC, attaches=True),
    "authenticationRequired": Card("visa", "3184", authentication="always"),
    "authenticationRequiredOnSetup": Card("visa", "3155", authentication="on_setup"),
    "authenticationRequiredSetupForOffSession": Card("visa", "3155", authentication="on_setup"),
    "threeDSecure2Required": Card("visa", "3220", authentication="always"),
    "threeDSecureRequired": Card("visa", "3063", authentication="always"),
    "threeDSecureOptional": Card("visa", "3055"),
    "threeDSecureNotSupported": Card("amex", "0005"),
}
_ELSEWHERE = frozenset(
    [
        "createIssuerFraudRecord",
        "riskLevelElevated",
        "riskLevelHighest",
        "avsFail",
        "avsZipFail",
        "avsLine1Fail",
        "avsUnchecked",
        "cvcCheckFail",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "threeDSecureRequiredChargeDeclined",
        "threeDSecure2RequiredChargeDeclined",
        "chargeDisputed",
    ]
)


def by_name(identifier: str) -> Card | None:
    """Return the card of a `pm_card_...` id or `tok_...` token, None for an ordinary PaymentMethod id."""
    for prefix in ("pm_card_", "tok_"):
        if identifier.startswith(prefix):
            name = identifier.removeprefix(prefix)
            if name in _ELSEWHERE:
                raise not_imitated(f"the test card {identifier}")
            if name not in _CARDS:
                raise invalid(f"No such PaymentMethod: '{identifier}'", "payment_method", "resource_missing")
            return _CARDS[name]
    return None


def by_key(key: str) -> Card:
    """Return the card that a stored PaymentMethod was made of."""
    return _CARDS[key]


def key_of(identifier: str) -> str:
    """Return the table key of a `pm_card_...` id or `tok_...` token."""
    return identifier.removeprefix("pm_card_").removeprefix("tok_")


def shown(card: Card, exp_year: int, fingerprint: str) -> Json:
    """Return the `card` hash of a PaymentMethod; the expiry year is in the future as with Stripe's test cards."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": None},
        "country": card.country,
        "display_brand": "american_express" if card.brand == "amex" else card.brand,
        "exp_month": 8,
        "exp_year": exp_year,
        "fingerprint": fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
