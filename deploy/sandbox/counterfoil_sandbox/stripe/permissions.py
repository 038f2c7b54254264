"""Restricted keys: what each may do, and the words in which Stripe refuses the rest.

Source: docs.stripe.com/keys/restricted-api-keys. Only the names of the permissions for customers, payment intents,
charges and refunds, invoices, webhook endpoints, payouts, balance, balance transactions, events and prices are
published in examples; the others are formed alike.
"""

from counterfoil_sandbox.stripe.errors import StripeError

# What a path below /v1 is about, where its first word is not simply the plural of the permission's.
_RESOURCES = {
    "account": "accounts_kyc_basic",
    "balance": "balance",
    "balance_transactions": "balance_transaction_source",
    "checkout": "checkout_session",
    "event_destinations": "event_destination",
    "invoice_payments": "invoice",
    "invoiceitems": "invoice",
    "prices": "plan",
    "refunds": "charge",
    "webhook_endpoints": "webhook",
}


def needed(method: str, path: str) -> str:
    """Return the permission that a request needs."""
    words = path.strip("/").split("/")[1:]
    word = words[1] if words[:1] == ["core"] and len(words) > 1 else words[0]
    return f"rak_{_RESOURCES.get(word, word.removesuffix('s'))}_{'read' if method == 'GET' else 'write'}"


def require(held: frozenset[str] | None, method: str, path: str, key: str, account: str) -> None:
    """Raise 403 unless a key holds what a request needs; who may write may read. None holds everything."""
    permission = needed(method, path)
    if held is None or permission in held or permission.replace("_read", "_write") in held:
        return
    raise StripeError(
        403,
        f"The provided key '{key[:8]}{'*' * 20}{key[-4:]}' does not have the required permissions for this endpoint on "
        f"account '{account}'. Having the '{permission}' permission would allow this request to continue.",
    )
