"""What a refusal says to the person who asked: Stripe's codes that somebody can act upon, in a sentence each. Pure.

Sources: docs.stripe.com/error-codes, docs.stripe.com/refunds. A code that is not here is told as it is.
"""

from service.errors import CounterfoilError, VendorError

_SENTENCES = {
    "amount_too_large": "the amount is more than Stripe takes here: ask for less",
    "amount_too_small": "the amount is below the smallest that Stripe takes in this currency: ask for more",
    "balance_insufficient": "the balance in Stripe does not cover this: add to it, or wait for payments to arrive",
    "charge_already_captured": "the payment is captured already",
    "charge_already_refunded": "all of the payment was given back already",
    "charge_disputed": "the customer disputes the payment with the bank, so it cannot be refunded: answer the dispute",
    "charge_expired_for_capture": "the authorisation has expired: ask for a new payment",
    "customer_tax_location_invalid": "tax needs the customer's address: add it, then finalise the invoice",
    "email_invalid": "Stripe does not take the e-mail address: correct it",
    "payment_intent_unexpected_state": "the payment has gone on meanwhile: look at its status and ask anew",
    "resource_missing": "Stripe does not know what was named: check the id and the entity",
}


def in_words(error: CounterfoilError) -> str:
    """Return a refusal in the user's words, with Stripe's code behind them."""
    code = error.code if isinstance(error, VendorError) else None
    sentence = _SENTENCES.get(code or "")
    return f"{sentence} ({code})" if sentence else error.message
