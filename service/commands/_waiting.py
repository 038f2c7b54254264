"""What a payment that nobody has made yet waits on: an open page of Stripe's, or a payment link that still works.

A page that a visit to a link has opened is none by itself while the link works: the next visit would open another.
"""

from service import mirror
from service.commands._ledger import Command
from service.commands._steps import Steps
from service.commands._target import Body
from service.db import Transaction
from service.errors import Refused

PAGE, LINK = "checkout.session", "payment_link"
# A link tells what it sells only when asked (docs.stripe.com/api/payment-link/object).
_EXPANDED = {LINK: ("line_items",)}
_TYPE_OF = {"cs": PAGE, "plink": LINK}


async def waits_on(steps: Steps, command: Command) -> Body | None:
    """Return the page or link that is named, else the one that works and the payment waits on, if it does.

    Raises:
        Refused: PAYMENT_AMBIGUOUS: the record has several, and none is named.
        VendorError: Stripe did not answer as it should.
    """
    named, stripe = command.target_id, steps.stripe[command.entity]
    kind = _TYPE_OF.get(str(named).partition("_")[0])
    if kind is not None:
        return (await stripe.retrieve(kind, str(named), expand=_EXPANDED.get(kind, ()))).body
    async with steps.database.read() as tx:
        rows = await _family(tx, command)
    links = [row for row in rows if row.object_type == LINK and works(row.body or {})]
    pages = [row for row in rows if row.object_type == PAGE and is_open(row.body or {})]
    asked_as = {row.parent_id for row in rows if row.object_id == named}
    found = [
        body
        for row in sorted(links, key=lambda row: row.object_id)
        if (named is None or row.parent_id in asked_as)
        and works(body := (await stripe.retrieve("payment_link", row.object_id, expand=_EXPANDED[LINK])).body)
    ]
    ending = {body["id"] for body in found}
    for row in sorted(pages, key=lambda row: row.object_id):
        body = (await stripe.retrieve("checkout.session", row.object_id)).body
        if is_open(body) and body.get(LINK) not in ending and named in {None, body.get("payment_intent")}:
            found.append(body)
    if len(found) > 1:
        raise Refused(
            f"the record has {len(found)} open pages: name one of {', '.join(body['id'] for body in found[:3])}",
            reason="PAYMENT_AMBIGUOUS",
        )
    return found[0] if found else None


async def _family(tx: Transaction, command: Command) -> list[mirror.MirrorRow]:
    """Return where pages and links are to be looked for: at the record, or at the request the payment was made by."""
    if command.record_id is not None:
        return await mirror.load_family(tx, entities=[command.entity], records=[command.record_id])
    known = (await mirror.load(tx, [(command.entity, str(command.target_id))])).values()
    roots = [row.parent_id for row in known if row.parent_id is not None]
    return await mirror.load_family(tx, entities=[command.entity], roots=roots)


def is_open(page: Body) -> bool:
    """Tell whether a page can be paid."""
    return page.get("status") == "open"


def works(link: Body) -> bool:
    """Tell whether a payment link can still be paid by (docs.stripe.com/api/payment-link/object)."""
    return bool(link.get("active")) and not is_paid(link)


def is_paid(body: Body) -> bool:
    """Tell whether a customer has done all on a page, or on one that a link opened."""
    completed = (body.get("restrictions") or {}).get("completed_sessions") or {}
    return body.get("status") == "complete" or bool(completed.get("count"))


def total_of(body: Body) -> int:
    """Return what a page or link asks for, in minor units of its currency."""
    if body["object"] == PAGE:
        return int(body["amount_total"])
    return sum(int(line["amount_total"]) for line in body["line_items"]["data"])
