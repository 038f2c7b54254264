"""The main story: an opportunity is won, its payment page is paid, and the money is back on the record.

Every figure is read from the running parts; every claim is checked before it is printed.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from deploy.demo.cast import Cast, minor
from deploy.demo.outside import Row
from deploy.demo.screen import money, short

PAYMENT_FIELDS = (
    "Payment_Status__c",
    "Amount_Paid__c",
    "Payment_Currency__c",
    "Payment_Fee__c",
    "Payment_Net__c",
    "Payment_Settlement_Currency__c",
    "Paid_At__c",
    "Payment_Link_Url__c",
    "Payment_Error__c",
    "Payment_Request_Id__c",
    "Stripe_Payment_Intent_Id__c",
)
_FOUND = 303  # where a paid page sends its visitor on


@dataclass
class Told:
    """What the chapters hand on; times in seconds."""

    opportunity: Row
    before: Row
    link: str = ""
    until_link: float = 0
    until_paid: float = 0


def open_opportunity(cast: Cast) -> Told:
    """Show an opportunity nobody has asked a payment for."""
    cast.screen.chapter("Salesforce holds an open Opportunity")
    opportunity = cast.salesforce.opportunity("Brightwater Annual Plan")
    before = cast.salesforce.get("Opportunity", opportunity["Id"])
    cast.screen.facts(
        {
            "Opportunity": f"{opportunity['Name']}  ({opportunity['Id']})",
            "Account": opportunity["Account"]["Name"],
            "Amount": money(opportunity["Amount"], opportunity["CurrencyIsoCode"]),
            "Stage": opportunity["StageName"],
        }
    )
    empty = [name for name in PAYMENT_FIELDS if before[name] is None]
    cast.claim(len(empty) == len(PAYMENT_FIELDS), f"its {len(PAYMENT_FIELDS)} payment fields are empty", before)
    cast.claim(not cast.stripe_events(), "Stripe knows nothing of it: no customer, no payment, no event")
    return Told(opportunity, before)


def won(cast: Cast, told: Told) -> None:
    """Close it as won and follow the request to the link on the record."""
    cast.screen.chapter("A sales person closes it as won; everything else happens by itself")
    record = told.opportunity["Id"]
    cast.screen.start_clock()
    cast.salesforce.win(record)
    what = "stage becomes Closed Won, by one PATCH of the REST API; nothing else is asked of anyone"
    cast.screen.step("Salesforce", what, at=cast.screen.started)
    event = cast.wait("the Flow's event", lambda: cast.listener.about(record))[0]
    cast.screen.step(
        "Salesforce",
        f"the Flow publishes Payment_Request__e: {event.fields['Operation__c']} by {event.fields['Method__c']}",
        f"event {event.event_id}  replay id {event.replay_id}",
        at=event.at_ms / 1000,
    )
    payment = cast.wait("the request's acceptance", lambda: cast.payments.of_record(record))[0]
    cast.screen.step("Counterfoil", "takes the request: one for this record and version, for ever", payment.payment_id)
    session = _at_stripe(cast, told)
    after = cast.wait("the payment link on the record", lambda: _with_link(cast, record))
    told.link = str(after["Payment_Link_Url__c"])
    told.until_link = cast.control.writes()[-1]["at"] - cast.screen.started
    cast.screen.step(
        "Salesforce",
        f"the record shows status {after['Payment_Status__c']} and the payment link",
        short(told.link, 100),
        at=cast.screen.started + told.until_link,
    )
    cast.claim(told.link == session["url"], "the link on the record is the page Stripe made", told.link)


def _with_link(cast: Cast, record: str) -> Row | None:
    row = cast.salesforce.get("Opportunity", record)
    return row if row["Payment_Link_Url__c"] else None


def _at_stripe(cast: Cast, told: Told) -> dict[str, Any]:
    """Show the customer and the page in Stripe."""
    opportunity = told.opportunity
    customers = cast.wait("the customer in Stripe", lambda: cast.control.created_at_stripe("/v1/customers"))
    pages = cast.wait("the payment page in Stripe", lambda: cast.control.created_at_stripe("/v1/checkout/sessions"))
    session = cast.stripe.v1.checkout.sessions.list({"limit": 1}).data[0].to_dict(for_json=True)
    customer = cast.stripe.v1.customers.retrieve(session["customer"])
    cast.screen.step(
        "Stripe",
        f"customer {customer.id} for {customer.name}",
        f"idempotency key {customers[0]['idempotency_key']}",
        at=customers[0]["at_ms"] / 1000,
    )
    shown = money(Decimal(session["amount_total"]).scaleb(-2), session["currency"].upper())
    cast.screen.step(
        "Stripe",
        f"Checkout Session over {shown}",
        f"{short(session['id'])}  idempotency key {pages[0]['idempotency_key']}",
        at=pages[0]["at_ms"] / 1000,
    )
    wanted = minor(opportunity["Amount"], opportunity["CurrencyIsoCode"])
    cast.claim(
        (session["amount_total"], session["currency"].upper()) == (wanted, opportunity["CurrencyIsoCode"]),
        f"Stripe asks for exactly the record's amount: {wanted} in minor units",
        session["amount_total"],
    )
    cast.claim(len(customers) == len(pages) == 1, "one customer and one page were made", (len(customers), len(pages)))
    return session


def paid(cast: Cast, told: Told) -> None:
    """Pay as the customer and list the news Stripe sends."""
    cast.screen.chapter("The customer opens the link and pays with a card")
    earlier = len(cast.control.deliveries())
    record = told.opportunity["Id"]
    cast.screen.start_clock()
    pay(told.link)
    cast.screen.step("Customer", "paid on Stripe's page with a test card, 4242 4242 4242 4242")
    cast.wait("fee and net on the record", lambda: cast.salesforce.get("Opportunity", record)["Payment_Net__c"])
    cast.control.calm()
    news = cast.control.deliveries()[earlier:]
    for row in news:
        cast.screen.step("Stripe", f"webhook {row['type']:<28} answered {row['status']}", at=row["at_ms"] / 1000)
    opportunity_writes = [
        row
        for row in cast.control.writes()
        if any(one["path"].endswith("/composite/sobjects") for one in (row, *row.get("subrequests", ())))
    ]
    told.until_paid = opportunity_writes[-1]["at"] - cast.screen.started
    cast.screen.step("Salesforce", "amount, fee and net are on the record", at=opportunity_writes[-1]["at"])
    cast.claim(
        all(row["status"] == httpx.codes.OK for row in news), f"all {len(news)} webhooks were stored and answered"
    )


def pay(link: str, card: str = "pm_card_visa") -> None:
    """Pay on the hosted page as a visitor does: fill in the form and send it."""
    answer = httpx.post(link, data={"payment_method": card}, trust_env=False, follow_redirects=False, timeout=30)
    if answer.status_code != _FOUND:
        answer.raise_for_status()


def record_after(cast: Cast, told: Told) -> None:
    """Compare the record with what it was, and its figures with Stripe's own."""
    cast.screen.chapter("Back in Salesforce: the record before and after")
    record = told.opportunity["Id"]
    state = cast.state(record)
    after = state["Opportunity"][0]
    shown = [name for name in PAYMENT_FIELDS if name != "Payment_Link_Url__c"]
    rows = [(name, _cell(told.before, name), _cell(after, name)) for name in ("StageName", *shown)]
    cast.screen.table(("field", "before", "after"), rows)
    cast.screen.console.print()
    payment, charge, transaction = (state[name][0] for name in ("Payment__c", "Charge__c", "Balance_Transaction__c"))
    cast.screen.table(
        ("record", "name", "Stripe", "figures"),
        (
            ("Payment__c", payment["Name"], payment["Stripe_Id__c"], _payment(payment)),
            ("Charge__c", charge["Name"], charge["Stripe_Id__c"], _charge(charge)),
            ("Balance_Transaction__c", transaction["Name"], transaction["Stripe_Id__c"], _transaction(transaction)),
        ),
    )
    cast.claim(
        {name: len(rows) for name, rows in state.items()} == dict.fromkeys(state, 1), "there is one record of each"
    )
    cast.claim(after["Payment_Status__c"] == "Paid", "the Opportunity is Paid", after["Payment_Status__c"])
    settles(cast, after, payment)


def settles(cast: Cast, opportunity: Row, payment: Row) -> None:
    """Check a paid opportunity's sums against Stripe's, to the minor unit."""
    cast.claim(
        opportunity["Amount_Paid__c"] == opportunity["Amount"],
        f"paid in full: {money(opportunity['Amount_Paid__c'], opportunity['Payment_Currency__c'])}",
        opportunity["Amount_Paid__c"],
    )
    gross, fee, net = (payment[name] for name in ("Settlement_Amount__c", "Fee__c", "Net__c"))
    currency = payment["Settlement_Currency__c"]
    cast.claim(
        fee > 0 and net == gross - fee and net == opportunity["Payment_Net__c"],
        f"net = amount - fee: {money(net, currency)} = {money(gross, currency)} - {money(fee, currency)}",
        opportunity["Payment_Net__c"],
    )
    intent = cast.stripe.v1.payment_intents.retrieve(
        str(payment["Stripe_Id__c"]), {"expand": ["latest_charge.balance_transaction"]}
    ).to_dict(for_json=True)
    entry = intent["latest_charge"]["balance_transaction"]
    figures = (entry["amount"], entry["fee"], entry["net"])
    known = cast.payments.get(str(opportunity["Payment_Request_Id__c"])).settlement
    same = figures == tuple(minor(value, currency) for value in (gross, fee, net))
    same = same and figures == (known.amount.amount_minor, known.fee.amount_minor, known.net.amount_minor)
    cast.claim(same, "Stripe's balance, Salesforce and Counterfoil's gRPC API say the same to the minor unit", figures)


def _cell(row: Row, name: str) -> str:
    amounts = {"Amount_Paid__c": "Payment_Currency__c"}
    amounts |= dict.fromkeys(("Payment_Fee__c", "Payment_Net__c"), "Payment_Settlement_Currency__c")
    if name in amounts and row[name] is not None:
        return money(row[name], row[amounts[name]])
    return "-" if row[name] is None else str(row[name])


def _payment(row: Row) -> str:
    return f"{row['Status__c']}  {money(row['Amount_Received__c'], row['Currency_Code__c'])}"


def _charge(row: Row) -> str:
    return f"{row['Status__c']}  {row['Card_Brand__c']} ending in {row['Card_Last4__c']}"


def _transaction(row: Row) -> str:
    amount, fee = (money(row[name], row["Currency_Code__c"]).split()[0] for name in ("Amount__c", "Fee__c"))
    return f"{amount} - {fee} = {money(row['Net__c'], row['Currency_Code__c'])}"
