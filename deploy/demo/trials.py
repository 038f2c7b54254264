"""What goes wrong in real life: everything twice, out of order, in another currency, and declined."""

from deploy.demo.cast import Cast, minor
from deploy.demo.outside import changes
from deploy.demo.screen import money
from deploy.demo.story import Told, pay, settles

COPIES = 5


def everything_again(cast: Cast, told: Told) -> int:
    """Send every webhook again, five at once and backwards, and ask for the payment again; return the duplicates."""
    cast.screen.chapter("Everything again: webhooks five times at once and backwards, the request twice more")
    record = told.opportunity["Id"]
    before, writes, reads = cast.state(record), len(cast.control.writes()), len(cast.control.asked_of_salesforce())
    intents = _intents(cast)
    events = cast.stripe_events()
    answers = cast.resend(events, copies=COPIES)
    total = COPIES * len(events)
    cast.screen.step("Stripe", f"{len(events)} events, newest first, {COPIES} copies of each at once: {total} webhooks")
    event_id = cast.salesforce.request_payment(record, "hosted_checkout", Version__c="1")
    cast.screen.step("Salesforce", "Payment_Request__e is published once more", f"event {event_id}")
    cast.wait("the repeated event", lambda: [one for one in cast.listener.about(record) if one.event_id == event_id])
    cast.wait("the repeated request's check", lambda: len(cast.control.asked_of_salesforce()) > reads)
    cast.screen.step("Counterfoil", "reads the record, finds its amount as it was, and does nothing")
    payment, replayed = cast.payments.create_hosted(record)
    cast.screen.step("Counterfoil", "is asked over gRPC as well, and names the payment it has", payment.payment_id)
    cast.control.calm(1)
    cast.claim(answers == {"duplicate": total}, f"{total} webhooks answered as duplicates, none as new", answers)
    cast.claim(
        replayed and payment.payment_id == before["Opportunity"][0]["Payment_Request_Id__c"],
        "the request asked for three times is one request",
    )
    cast.claim(_intents(cast) == intents == 1, "one PaymentIntent in Stripe, as before", _intents(cast))
    cast.claim(len(cast.control.writes()) == writes, "not one write to Salesforce", len(cast.control.writes()) - writes)
    unchanged(cast, before, record)
    return total


def unchanged(cast: Cast, before: dict[str, list[dict[str, object]]], record: str) -> None:
    """Check that every field of every record is what it was, SystemModstamp included."""
    after = cast.state(record)
    differences = [
        f"{sobject}.{name}: {old} -> {new}"
        for sobject in after
        for one, other in zip(before[sobject], after[sobject], strict=False)
        for name, old, new in changes(one, other)
    ]
    stamp = after["Opportunity"][0]["SystemModstamp"]
    cast.claim(
        before == after, f"all records are as they were, field by field; SystemModstamp still {stamp}", differences
    )


def _intents(cast: Cast) -> int:
    return len(list(cast.stripe.v1.payment_intents.list({"limit": 100}).auto_paging_iter()))


def yen(cast: Cast) -> None:
    """Pay in a currency without minor unit, while Stripe's news comes several times and out of order."""
    cast.screen.chapter("A payment in yen, its webhooks repeated and out of order from the start")
    for kinds, fault in ((["charge.*", "checkout.*"], "duplicate"), (["payment_intent.*"], "reorder")):
        cast.control.post("/stripe/webhook-faults", fault=fault, types=kinds, times=-1, copies=COPIES, ms=300)
    opportunity = cast.salesforce.opportunity("Asahi Kogei Starter")
    record, currency = opportunity["Id"], opportunity["CurrencyIsoCode"]
    earlier = len(cast.control.deliveries())
    cast.screen.start_clock()
    cast.salesforce.win(record)
    link = cast.wait("the payment link", lambda: cast.salesforce.get("Opportunity", record)["Payment_Link_Url__c"])
    cast.screen.step(
        "Salesforce", f"{opportunity['Name']}, {money(opportunity['Amount'], currency)}, is won; link is there"
    )
    pay(str(link))
    cast.wait("fee and net on the record", lambda: cast.salesforce.get("Opportunity", record)["Payment_Net__c"])
    cast.screen.step("Customer", "has paid; fee and net are on the record")
    cast.control.calm()
    cast.control.clear("/stripe/webhook-faults")
    news = cast.control.deliveries()[earlier:]
    cast.screen.step(
        "Stripe", f"sent {len({row['event'] for row in news})} events in {len(news)} webhooks, some held back"
    )
    state = cast.state(record)
    cast.claim(
        all(len(rows) == 1 for rows in state.values()),
        "one record of each all the same",
        {name: len(rows) for name, rows in state.items()},
    )
    payment = state["Payment__c"][0]
    charged = cast.stripe.v1.payment_intents.retrieve(str(payment["Stripe_Id__c"])).amount
    cast.claim(
        charged == minor(opportunity["Amount"], currency), f"yen have no minor unit: Stripe was asked for {charged}"
    )
    cast.screen.say(
        f"1 {currency} = {payment['Exchange_Rate__c']} {payment['Settlement_Currency__c']}, Stripe's own rate"
    )
    settles(cast, state["Opportunity"][0], payment)


def declined(cast: Cast) -> None:
    """Charge a saved card that the bank refuses: an outcome, told on the record."""
    cast.screen.chapter("A saved card is charged while the customer is away, and the bank declines")
    opportunity = cast.salesforce.opportunity("Northgate Clinics Year One")
    record = opportunity["Id"]
    customer = cast.stripe.v1.customers.create({"name": opportunity["Account"]["Name"]}).id
    card = cast.stripe.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).id
    cast.salesforce.change("Account", opportunity["AccountId"], Stripe_Customer_Id__c=customer)
    cast.screen.start_clock()
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=card)
    amount = money(opportunity["Amount"], opportunity["CurrencyIsoCode"])
    cast.screen.step("Salesforce", f"a Payment_Request__e asks to charge {card} for {opportunity['Name']}, {amount}")
    cast.wait(
        "the outcome on the record",
        lambda: cast.salesforce.get("Opportunity", record)["Payment_Status__c"] == "Failed",
    )
    cast.screen.step("Salesforce", "the record shows the outcome")
    cast.control.calm()
    after = cast.salesforce.get("Opportunity", record)
    cast.screen.facts({"status": after["Payment_Status__c"], "error": str(after["Payment_Error__c"])})
    payment = cast.salesforce.payments_of(record)["Payment__c"][0]
    cast.claim(
        "declined" in str(after["Payment_Error__c"]), "the reason is on the record, in Stripe's words for customers"
    )
    cast.claim(payment["Failure_Code__c"], f"Payment__c {payment['Name']} keeps the bank's code", payment)
    cast.claim(
        after["Amount_Paid__c"] == 0 and after["Paid_At__c"] is None, "nothing was paid", after["Amount_Paid__c"]
    )
