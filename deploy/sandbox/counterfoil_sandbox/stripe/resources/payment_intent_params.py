"""The parameters of the PaymentIntent endpoints (docs.stripe.com/api/payment_intents), as of 2026-10-28.endive."""

from counterfoil_sandbox.stripe.params import (
    OTHER_METHODS,
    PAGING,
    SHIPPING,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Kind,
    Metadata,
    Params,
    Range,
    Removed,
    Text,
)
from counterfoil_sandbox.stripe.resources import payment_methods

_METHOD_TYPES = Array(Text(), unset=True)
_OFF_SESSION = Choice(("true", "false", "one_off", "recurring"))
_FUTURE = Choice(("off_session", "on_session"), unset=True)
_OPTIONS = Hash(
    {
        "card": Hash(
            {"request_three_d_secure": Choice(("automatic", "any", "challenge"))},
            elsewhere=frozenset(
                (
                    "capture_method", "cvc_token", "installments", "mandate_options", "network",
                    "request_extended_authorization", "request_incremental_authorization", "request_multicapture",
                    "request_overcapture", "require_cvc_recollection", "setup_future_usage",
                    "statement_descriptor_suffix_kana", "statement_descriptor_suffix_kanji", "three_d_secure",
                )
            ),
        )
    },
    elsewhere=frozenset((*OTHER_METHODS, "card_present")),
)  # fmt: skip
_SHARED: dict[str, Kind] = {
    "allowed_payment_method_types": _METHOD_TYPES,
    "capture_method": Choice(("automatic", "automatic_async", "manual")),
    "excluded_payment_method_types": _METHOD_TYPES,
    "payment_method": Text(unset=True),
    "payment_method_data": payment_methods.DATA,
    "payment_method_options": _OPTIONS,
    "payment_method_types": Removed(),
    "receipt_email": Text(unset=True),
    "setup_future_usage": _FUTURE,
    "shipping": SHIPPING,
}
_DESCRIBING: dict[str, Kind] = {
    "amount": Integer(1),
    "currency": Text(),
    "customer": Text(),
    "description": Text(unset=True),
    "metadata": Metadata(),
    "statement_descriptor": Text(22, unset=True),
    "statement_descriptor_suffix": Text(22, unset=True),
    "transfer_group": Text(),
}
_CONFIRMING: dict[str, Kind] = {
    "error_on_requires_action": Boolean(),
    "off_session": _OFF_SESSION,
    "return_url": Text(),
    "use_stripe_sdk": Boolean(),
}
_ELSEWHERE = frozenset(("amount_details", "hooks", "payment_details"))
_CREATE_ELSEWHERE = frozenset(
    (
        "application_fee_amount", "confirmation_token", "customer_account", "managed_payments", "mandate",
        "mandate_data", "on_behalf_of", "payment_method_configuration", "radar_options", "transfer_data",
    )
)  # fmt: skip
CREATE = Params(
    _SHARED
    | _DESCRIBING
    | _CONFIRMING
    | {
        "automatic_payment_methods": Hash(
            {"enabled": Boolean(), "allow_redirects": Choice(("always", "never"))}, required=("enabled",)
        ),
        "confirm": Boolean(),
        "confirmation_method": Choice(("automatic",), ("manual",)),
    },
    required=("amount", "currency"),
    elsewhere=_ELSEWHERE | _CREATE_ELSEWHERE,
)
_UPDATE_ELSEWHERE = ("application_fee_amount", "customer_account", "payment_method_configuration", "transfer_data")
UPDATE = Params(_SHARED | _DESCRIBING, elsewhere=_ELSEWHERE | set(_UPDATE_ELSEWHERE))
_CONFIRM_ELSEWHERE = (
    "amount_to_confirm", "client_secret", "confirmation_token", "mandate", "mandate_data", "radar_options",
)  # fmt: skip
CONFIRM = Params(_SHARED | _CONFIRMING, elsewhere=_ELSEWHERE | set(_CONFIRM_ELSEWHERE))
CAPTURE = Params(
    {
        "amount_to_capture": Integer(1),
        "final_capture": Choice(("true",), ("false",)),
        "metadata": Metadata(),
        "statement_descriptor": Text(22, unset=True),
        "statement_descriptor_suffix": Text(22, unset=True),
    },
    elsewhere=_ELSEWHERE | {"application_fee_amount", "transfer_data"},
)
CAPTURE_CHARGE = Params(
    {"amount": Integer(1)},
    elsewhere=frozenset(
        (
            "application_fee", "application_fee_amount", "receipt_email", "statement_descriptor",
            "statement_descriptor_suffix", "transfer_data", "transfer_group",
        )
    ),
)  # fmt: skip
CANCEL = Params({"cancellation_reason": Choice(("duplicate", "fraudulent", "requested_by_customer", "abandoned"))})
LIST = Params({**PAGING, "created": Range(), "customer": Text()}, elsewhere=frozenset(("customer_account",)))
