"""RequestsService: the ledger for readers, and the second person's decision. Parse, call, translate.

Who decides is the caller. Only where the installation asks nobody who he is does the request itself name somebody:
then the four eyes are a promise among those who can reach the port, and the deployment's notes say so.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from service.access import caller_name
from service.api._checks import Check
from service.api._deadlines import HasDeadline
from service.api._messages import amount_of, request_state_of, time_of
from service.api._pages import Position, filter_digest, read_token, write_token
from service.commands import OPERATIONS, Command, CommandState, reading
from service.commands.approvals import Approvals, Decision
from service.db import Database
from service.errors import InvalidRequest, NotFound, Violation
from service.gen.counterfoil.v1 import payment_pb2, requests_service_pb2, requests_service_pb2_grpc

_STATE_PREFIX = "REQUEST_STATE_"
Decided = requests_service_pb2.ApproveRequestRequest | requests_service_pb2.RejectRequestRequest


@dataclass(frozen=True, slots=True)
class _Query:
    entity: str
    state: CommandState | None
    record_id: str | None
    operation: str | None
    page_size: int
    after: Position | None
    digest: bytes


def _parse_list(request: requests_service_pb2.ListRequestsRequest) -> _Query:
    check = Check()
    entity = check.entity(request.entity)
    record_id = check.record_id(request.record_id) if request.record_id else None
    if request.operation and request.operation not in OPERATIONS:
        check.wrong("operation", f"is unknown: give one of {', '.join(OPERATIONS)}")
    state = _state(check, request.state)
    size = check.page_size(request.page_size)
    digest = filter_digest("requests", entity, state or "", record_id or "", request.operation)
    after = check.gather(lambda: read_token(request.page_token, digest)) if request.page_token else None
    check.done()
    return _Query(entity, state, record_id, request.operation or None, size, after, digest)


def _state(check: Check, number: int) -> CommandState | None:
    if number == payment_pb2.REQUEST_STATE_UNSPECIFIED:
        return None
    name = payment_pb2.RequestState.DESCRIPTOR.values_by_number.get(number)
    if name is None:
        check.wrong("state", "is not a state of this version: use one of RequestState")
        return None
    return CommandState(name.name.removeprefix(_STATE_PREFIX))


class RequestsService(requests_service_pb2_grpc.RequestsServiceServicer):
    """The methods of `counterfoil.v1.RequestsService`; its contract lists their errors."""

    def __init__(self, database: Database, approvals: Approvals, entities: Collection[str]) -> None:
        self._database = database
        self._approvals = approvals
        self._entities = frozenset(entities)

    async def GetRequest(  # noqa: N802  (the contract's name)
        self, request: requests_service_pb2.GetRequestRequest, _context: HasDeadline
    ) -> requests_service_pb2.GetRequestResponse:
        """Return one request."""
        check = Check()
        entity, request_id = check.entity(request.entity), check.request_id(request.request_id)
        check.done()
        return requests_service_pb2.GetRequestResponse(request=request_of(await self._read(entity, request_id)))

    async def ListRequests(  # noqa: N802  (the contract's name)
        self, request: requests_service_pb2.ListRequestsRequest, _context: HasDeadline
    ) -> requests_service_pb2.ListRequestsResponse:
        """Return one page of requests."""
        query = _parse_list(request)
        self._require(query.entity)
        async with self._database.read() as tx:
            shown, position = await reading.list_commands(
                tx,
                query.entity,
                state=query.state,
                record_id=query.record_id,
                operation=query.operation,
                after=query.after,
                limit=query.page_size,
            )
        token = write_token(position, query.digest) if position else ""
        return requests_service_pb2.ListRequestsResponse(
            requests=[request_of(command) for command in shown], next_page_token=token
        )

    async def ApproveRequest(  # noqa: N802  (the contract's name)
        self, request: requests_service_pb2.ApproveRequestRequest, _context: HasDeadline
    ) -> requests_service_pb2.ApproveRequestResponse:
        """Let a request go on."""
        command, replayed = await self._decide(request, approve=True)
        return requests_service_pb2.ApproveRequestResponse(request=request_of(command), replayed=replayed)

    async def RejectRequest(  # noqa: N802  (the contract's name)
        self, request: requests_service_pb2.RejectRequestRequest, _context: HasDeadline
    ) -> requests_service_pb2.RejectRequestResponse:
        """End a request."""
        command, replayed = await self._decide(request, approve=False)
        return requests_service_pb2.RejectRequestResponse(request=request_of(command), replayed=replayed)

    async def _decide(self, request: Decided, *, approve: bool) -> tuple[Command, bool]:
        check = Check()
        entity, request_id = check.entity(request.entity), check.request_id(request.request_id)
        check.done()
        await self._read(entity, request_id)
        by = _decider(request.decided_by or None)
        return await self._approvals.decide(Decision(request_id, approve, by, request.note or None))

    async def _read(self, entity: str, request_id: str) -> Command:
        self._require(entity)
        async with self._database.read() as tx:
            command = await reading.get(tx, request_id)
        if command is None or command.entity != entity:
            raise NotFound("There is no request of this id: check the id and the entity.")
        return command

    def _require(self, entity: str) -> None:
        if entity not in self._entities:
            raise NotFound("No legal entity of this name is configured.", reason="ENTITY_UNKNOWN")


def _decider(named: str | None) -> str | None:
    caller = caller_name()
    if caller is not None and named not in {None, caller}:
        raise InvalidRequest([Violation("decided_by", "is somebody else than the caller: leave it out")])
    return caller or named


def request_of(command: Command) -> requests_service_pb2.PaymentRequest:
    """Return a request as the API shows it."""
    approval = requests_service_pb2.APPROVAL_UNSPECIFIED
    if command.approval is not None:
        number = requests_service_pb2.Approval.Value(f"APPROVAL_{command.approval.name}")
        approval = cast("requests_service_pb2.Approval", number)
    return requests_service_pb2.PaymentRequest(
        request_id=command.id,
        entity=command.entity,
        operation=command.operation,
        state=request_state_of(command.state),
        version=command.version,
        record_id=command.record_id or "",
        target_id=(command.terms or {}).get("target_id") or command.target_id or "",
        amount=amount_of(command.amount_minor, command.currency),
        requested_by=command.requested_by or "",
        source=command.source,
        reason=command.reason or "",
        message=command.failure_message or command.message or "",
        client_request_id=command.request_id or "",
        conflict=command.conflict or "",
        payment_intent_id=command.payment_intent_id or "",
        checkout_session_id=command.checkout_session_id or "",
        result_id=command.result_id or "",
        approval=approval,
        approval_due_time=time_of(command.approval_due_at),
        decided_by=command.decided_by or "",
        decide_time=time_of(command.decided_at),
        decision_note=command.decision_note or "",
        create_time=time_of(command.created_at),
        end_time=time_of(command.settled_at),
    )
