from tests.support.collector import collector
from tests.support.stage import new_opportunity, staged, won_and_paid


def test_one_trace_runs_from_the_salesforce_event_through_stripe_to_the_salesforce_write(postgres_url: str) -> None:
    """The webhooks come in between, and bring the trace back in the metadata of what was made."""
    with collector() as collected:
        with staged(
            postgres_url, COUNTERFOIL_TELEMETRY_EXPORTER="otlp", COUNTERFOIL_OTLP_ENDPOINT=collected.endpoint
        ) as cast:
            record = new_opportunity(cast, "640.00", "USD")
            won_and_paid(cast, record)
            secrets = [cast.stack.info["stripe"]["secret_key"], cast.stack.webhook_secret, cast.salesforce.token]
            assert cast.service.stop() == 0, "what is left to send is sent at the end"

        ours = [spans for spans in collected.traces.values() if "salesforce.event" in {span.name for span in spans}]
        assert len(ours) == 1, "one event, one trace"
        names = {span.name for span in ours[0]}
        wanted = {
            "salesforce.event",
            "salesforce.request",
            "command.create_payment",
            "stripe.create",
            "stripe.webhook",
            "mirror.project",
            "salesforce.write",
        }
        assert wanted <= names
        written = {
            name
            for span in ours[0]
            if span.name == "salesforce.write"
            for attribute in span.attributes
            if attribute.key == "salesforce.object"
            for name in attribute.value.string_value.split(",")  # one call writes what belongs together
        }
        records = {"Payment__c", "Charge__c", "Balance_Transaction__c", "Payment_Status_Change__c"}
        assert written == {"Opportunity", "Account", "Payment_Request__c"} | records
        told = "".join(str(span) for spans in collected.traces.values() for span in spans)
        assert not [secret for secret in secrets if secret in told]
