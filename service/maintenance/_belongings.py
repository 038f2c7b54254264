"""What must be listed to know a fetched invoice whole: lines beyond the first ten, what pays it, its credit notes.

It asks Stripe and stores nothing.
"""

from typing import Any

from service.clients import Answer, StripeApi

# docs.stripe.com/api/invoiceitems/create allows 250 items; subscriptions may add lines to them.
_LINES_LIMIT = 1000
_BELOW_LIMIT = 500


async def belongings(stripe: StripeApi, found: Answer) -> list[Answer]:
    """Return the objects that belong to a fetched one and do not come with it; its lines are completed in its body.

    Raises:
        VendorError: Stripe did not answer all of it; then nothing is known whole.
    """
    body = found.body
    if body.get("object") != "invoice" or body.get("deleted"):
        return []
    await _complete_lines(stripe, body)
    if body.get("status") == "draft":
        return []
    wanted: dict[str, Any] = {"invoice": body["id"]}
    paying = await stripe.list("invoice_payment", wanted, limit=_BELOW_LIMIT)
    return paying + await stripe.list("credit_note", wanted, limit=_BELOW_LIMIT)


async def _complete_lines(stripe: StripeApi, body: dict[str, Any]) -> None:
    lines = body.get("lines")
    if isinstance(lines, dict) and lines.get("has_more"):
        every = await stripe.list("line_item", {"invoice": body["id"]}, limit=_LINES_LIMIT)
        lines |= {"data": [line.body for line in every], "has_more": False}
