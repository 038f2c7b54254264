import datetime

from counterfoil_client._pb.counterfoil.v1 import payment_pb2 as _payment_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Approval(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APPROVAL_UNSPECIFIED: _ClassVar[Approval]
    APPROVAL_WAITING: _ClassVar[Approval]
    APPROVAL_APPROVED: _ClassVar[Approval]
    APPROVAL_REJECTED: _ClassVar[Approval]
    APPROVAL_EXPIRED: _ClassVar[Approval]
APPROVAL_UNSPECIFIED: Approval
APPROVAL_WAITING: Approval
APPROVAL_APPROVED: Approval
APPROVAL_REJECTED: Approval
APPROVAL_EXPIRED: Approval

class PaymentRequest(_message.Message):
    __slots__ = ("request_id", "entity", "operation", "state", "version", "record_id", "target_id", "amount", "requested_by", "source", "reason", "message", "client_request_id", "conflict", "payment_intent_id", "checkout_session_id", "result_id", "approval", "approval_due_time", "decided_by", "decide_time", "decision_note", "create_time", "end_time")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONFLICT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHECKOUT_SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_ID_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_FIELD_NUMBER: _ClassVar[int]
    APPROVAL_DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    DECIDE_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISION_NOTE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    entity: str
    operation: str
    state: _payment_pb2.RequestState
    version: str
    record_id: str
    target_id: str
    amount: _payment_pb2.MinorAmount
    requested_by: str
    source: str
    reason: str
    message: str
    client_request_id: str
    conflict: str
    payment_intent_id: str
    checkout_session_id: str
    result_id: str
    approval: Approval
    approval_due_time: _timestamp_pb2.Timestamp
    decided_by: str
    decide_time: _timestamp_pb2.Timestamp
    decision_note: str
    create_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, request_id: _Optional[str] = ..., entity: _Optional[str] = ..., operation: _Optional[str] = ..., state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., version: _Optional[str] = ..., record_id: _Optional[str] = ..., target_id: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., requested_by: _Optional[str] = ..., source: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., client_request_id: _Optional[str] = ..., conflict: _Optional[str] = ..., payment_intent_id: _Optional[str] = ..., checkout_session_id: _Optional[str] = ..., result_id: _Optional[str] = ..., approval: _Optional[_Union[Approval, str]] = ..., approval_due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decided_by: _Optional[str] = ..., decide_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decision_note: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetRequestRequest(_message.Message):
    __slots__ = ("entity", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class GetRequestResponse(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: PaymentRequest
    def __init__(self, request: _Optional[_Union[PaymentRequest, _Mapping]] = ...) -> None: ...

class ListRequestsRequest(_message.Message):
    __slots__ = ("entity", "state", "record_id", "operation", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    state: _payment_pb2.RequestState
    record_id: str
    operation: str
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., record_id: _Optional[str] = ..., operation: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRequestsResponse(_message.Message):
    __slots__ = ("requests", "next_page_token")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[PaymentRequest]
    next_page_token: str
    def __init__(self, requests: _Optional[_Iterable[_Union[PaymentRequest, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ApproveRequestRequest(_message.Message):
    __slots__ = ("entity", "request_id", "note", "decided_by")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    request_id: str
    note: str
    decided_by: str
    def __init__(self, entity: _Optional[str] = ..., request_id: _Optional[str] = ..., note: _Optional[str] = ..., decided_by: _Optional[str] = ...) -> None: ...

class ApproveRequestResponse(_message.Message):
    __slots__ = ("request", "replayed")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    request: PaymentRequest
    replayed: bool
    def __init__(self, request: _Optional[_Union[PaymentRequest, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class RejectRequestRequest(_message.Message):
    __slots__ = ("entity", "request_id", "note", "decided_by")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    request_id: str
    note: str
    decided_by: str
    def __init__(self, entity: _Optional[str] = ..., request_id: _Optional[str] = ..., note: _Optional[str] = ..., decided_by: _Optional[str] = ...) -> None: ...

class RejectRequestResponse(_message.Message):
    __slots__ = ("request", "replayed")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    request: PaymentRequest
    replayed: bool
    def __init__(self, request: _Optional[_Union[PaymentRequest, _Mapping]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class PreviewRequestRequest(_message.Message):
    __slots__ = ("entity", "operation", "record_id", "target_id", "arguments", "version")
    class ArgumentsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    entity: str
    operation: str
    record_id: str
    target_id: str
    arguments: _containers.ScalarMap[str, str]
    version: str
    def __init__(self, entity: _Optional[str] = ..., operation: _Optional[str] = ..., record_id: _Optional[str] = ..., target_id: _Optional[str] = ..., arguments: _Optional[_Mapping[str, str]] = ..., version: _Optional[str] = ...) -> None: ...

class PlannedCall(_message.Message):
    __slots__ = ("method", "path", "parameters", "idempotency_key")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    method: str
    path: str
    parameters: str
    idempotency_key: str
    def __init__(self, method: _Optional[str] = ..., path: _Optional[str] = ..., parameters: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class PreviewRequestResponse(_message.Message):
    __slots__ = ("calls", "complete", "amount", "waits", "known_request_id")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[PlannedCall]
    complete: bool
    amount: _payment_pb2.MinorAmount
    waits: str
    known_request_id: str
    def __init__(self, calls: _Optional[_Iterable[_Union[PlannedCall, _Mapping]]] = ..., complete: _Optional[bool] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., waits: _Optional[str] = ..., known_request_id: _Optional[str] = ...) -> None: ...
