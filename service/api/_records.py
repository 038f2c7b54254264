"""RecordsService: how a record came to be as it is."""

from collections.abc import Collection
from typing import cast

from service.api._checks import Check
from service.api._messages import time_of
from service.api._streams import require_entity
from service.gen.counterfoil.v1 import records_service_pb2 as api
from service.gen.counterfoil.v1 import records_service_pb2_grpc
from service.maintenance.records import Records, Step


class RecordsService(records_service_pb2_grpc.RecordsServiceServicer):
    """The methods of `counterfoil.v1.RecordsService`; its contract lists their errors."""

    def __init__(self, records: Records, entities: Collection[str]) -> None:
        self._records = records
        self._entities = frozenset(entities)

    async def ExplainRecord(self, request: api.ExplainRecordRequest, _context: object) -> api.ExplainRecordResponse:  # noqa: N802  (the contract's name)
        """Tell it in the order of time."""
        check = Check()
        entity, name = check.entity(request.entity), check.any_id(request.id)
        check.done()
        require_entity(self._entities, entity)
        story = await self._records.explain(entity, name)
        steps = [_step(one) for one in story.steps]
        return api.ExplainRecordResponse(record_id=story.record_id or "", steps=steps, truncated=story.truncated)


def _step(one: Step) -> api.ExplanationStep:
    kind = api.ExplanationStep.Kind.Value(f"KIND_{one.kind.name}")
    return api.ExplanationStep(
        time=time_of(one.at), kind=cast("api.ExplanationStep.Kind", kind), id=one.id, text=one.text
    )
