import psycopg
from psycopg import sql

from deploy.demo.cast import Cast
from tests.support.stage import drain, new_opportunity

CARD = "5555 5555 5555 4444"
FORMS = (CARD, CARD.replace(" ", ""))


def found_in(cast: Cast) -> list[str]:
    """Return the tables in which the number stands."""
    with psycopg.connect(str(cast.stack.database_url)) as connection:
        named = connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        tables = [str(row[0]) for row in named]
        query = sql.SQL("SELECT count(*) FROM {table} AS row WHERE row::text LIKE ANY(%s)")
        patterns = [f"%{form}%" for form in FORMS]
        counted = {
            table: connection.execute(query.format(table=sql.Identifier(table)), (patterns,)).fetchone()
            for table in tables
        }
    return [table for table, row in counted.items() if row is not None and row[0]]


def test_a_number_typed_into_a_request_or_into_stripe_is_kept_nowhere(cast: Cast) -> None:
    record = new_opportunity(cast, "77.00", "USD")
    cast.salesforce.request_payment(record, "off_session", Payment_Method_Id__c=CARD)

    def told() -> str | None:
        value = cast.salesforce.get("Opportunity", record)["Payment_Error__c"]
        return str(value) if value else None

    message = str(cast.wait("the refusal on the record", told))
    assert "Payment_Method_Id__c" in message
    assert "card number" in message
    note = {"note": f"paid with {CARD}", "salesforce_record_id": record}
    made = cast.stripe.v1.customers.create({"description": f"gave {FORMS[1]} by phone", "metadata": note})
    drain(cast)
    assert found_in(cast) == []
    assert not [form for form in FORMS if form in cast.service.log.read_text(errors="replace")]
    cast.stripe.v1.customers.delete(made.id)
