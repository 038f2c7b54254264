from decimal import Decimal

from deploy.demo.cast import Cast
from service.gen.counterfoil.v1 import operations_service_pb2 as api
from service.gen.counterfoil.v1 import records_service_pb2 as records
from tests.support.doors import PATIENCE, open_doors
from tests.support.refunds import paid
from tests.support.stage import drain, opportunity, until_status


def unheard(cast: Cast, amount: int) -> tuple[str, str]:
    """Take a payment in Stripe of which no webhook arrives; return the record and the payment."""
    cast.control.post("/stripe/webhook-faults", fault="drop", times=-1)
    record, intent = paid(cast, amount)
    cast.control.clear("/stripe/webhook-faults")
    assert cast.salesforce.query(f"SELECT Id FROM Payment__c WHERE Stripe_Id__c = '{intent}'") == []  # noqa: S608  (an id of the sandbox)
    return record, intent


def test_a_sweep_finds_what_no_webhook_told_and_the_chain_is_explained(cast: Cast) -> None:
    record, intent = unheard(cast, 6_000)
    with open_doors(cast) as doors:
        asked = api.StartSweepRequest(entity=doors.entity, request_id="sweep-1")
        run = doors.operations.StartSweep(asked, timeout=PATIENCE).run
        assert doors.operations.StartSweep(asked, timeout=PATIENCE).run.run_id == run.run_id
        watch = doors.operations.WatchRun(api.WatchRunRequest(entity=doors.entity, run_id=run.run_id), timeout=PATIENCE)
        told = [answer.run for answer in watch]
        assert told[-1].state == api.Run.STATE_SUCCEEDED
        assert told[-1].missed_count >= 1
        until_status(cast, record, "Paid")
        drain(cast)
        assert opportunity(cast, record)["Amount_Paid__c"] == Decimal(60)
        for name in (record, record[:15], intent):
            state = doors.operations.GetSyncState(
                api.GetSyncStateRequest(entity=doors.entity, id=name), timeout=PATIENCE
            )
            assert state.in_sync, state
            assert ("Payment__c", intent) in {(one.sobject, one.key) for one in state.records}
        story = doors.records.ExplainRecord(
            records.ExplainRecordRequest(entity=doors.entity, id=intent), timeout=PATIENCE
        )
    assert story.record_id == record
    kinds = [step.kind for step in story.steps]
    step = records.ExplanationStep
    assert {step.KIND_EVENT, step.KIND_OBJECT, step.KIND_DESIRED, step.KIND_DELIVERED} <= set(kinds)
    assert kinds.index(step.KIND_EVENT) < kinds.index(step.KIND_DELIVERED)
    assert any(one.text.startswith(f"Salesforce took Payment__c {intent} as ") for one in story.steps)


def test_a_backfill_reads_what_there_is(cast: Cast) -> None:
    record, intent = unheard(cast, 2_500)
    with open_doors(cast) as doors:
        asked = api.StartBackfillRequest(entity=doors.entity, object_types=["payment_intent", "charge"])
        run = doors.operations.StartBackfill(asked, timeout=PATIENCE).run
        watch = doors.operations.WatchRun(api.WatchRunRequest(entity=doors.entity, run_id=run.run_id), timeout=PATIENCE)
        last = [answer.run for answer in watch][-1]
        assert (last.state, list(last.object_types)) == (api.Run.STATE_SUCCEEDED, ["payment_intent", "charge"])
        assert last.seen_count >= 2
    until_status(cast, record, "Paid")
    drain(cast)
    [payment] = cast.salesforce.query(f"SELECT Amount__c, Net__c FROM Payment__c WHERE Stripe_Id__c = '{intent}'")  # noqa: S608  (an id of the sandbox)
    assert payment["Amount__c"] == Decimal(25)
    assert payment["Net__c"] is not None
