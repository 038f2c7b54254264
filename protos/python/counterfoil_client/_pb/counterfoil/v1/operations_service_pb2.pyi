import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSyncStateRequest(_message.Message):
    __slots__ = ("entity", "id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    id: str
    def __init__(self, entity: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class RecordState(_message.Message):
    __slots__ = ("sobject", "key", "state", "attempts", "reason", "put_time", "deliver_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[RecordState.State]
        STATE_WAITING: _ClassVar[RecordState.State]
        STATE_DELIVERED: _ClassVar[RecordState.State]
        STATE_DEAD: _ClassVar[RecordState.State]
        STATE_LEFT_OUT: _ClassVar[RecordState.State]
        STATE_DISCARDED: _ClassVar[RecordState.State]
    STATE_UNSPECIFIED: RecordState.State
    STATE_WAITING: RecordState.State
    STATE_DELIVERED: RecordState.State
    STATE_DEAD: RecordState.State
    STATE_LEFT_OUT: RecordState.State
    STATE_DISCARDED: RecordState.State
    SOBJECT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PUT_TIME_FIELD_NUMBER: _ClassVar[int]
    DELIVER_TIME_FIELD_NUMBER: _ClassVar[int]
    sobject: str
    key: str
    state: RecordState.State
    attempts: int
    reason: str
    put_time: _timestamp_pb2.Timestamp
    deliver_time: _timestamp_pb2.Timestamp
    def __init__(self, sobject: _Optional[str] = ..., key: _Optional[str] = ..., state: _Optional[_Union[RecordState.State, str]] = ..., attempts: _Optional[int] = ..., reason: _Optional[str] = ..., put_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deliver_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetSyncStateResponse(_message.Message):
    __slots__ = ("in_sync", "records", "pending_objects")
    IN_SYNC_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    PENDING_OBJECTS_FIELD_NUMBER: _ClassVar[int]
    in_sync: bool
    records: _containers.RepeatedCompositeFieldContainer[RecordState]
    pending_objects: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, in_sync: _Optional[bool] = ..., records: _Optional[_Iterable[_Union[RecordState, _Mapping]]] = ..., pending_objects: _Optional[_Iterable[str]] = ...) -> None: ...

class FailureFilter(_message.Message):
    __slots__ = ("shelf", "org", "object_type", "reason", "failed_before_time")
    SHELF_FIELD_NUMBER: _ClassVar[int]
    ORG_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FAILED_BEFORE_TIME_FIELD_NUMBER: _ClassVar[int]
    shelf: str
    org: str
    object_type: str
    reason: str
    failed_before_time: _timestamp_pb2.Timestamp
    def __init__(self, shelf: _Optional[str] = ..., org: _Optional[str] = ..., object_type: _Optional[str] = ..., reason: _Optional[str] = ..., failed_before_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FailureInfo(_message.Message):
    __slots__ = ("name", "shelf", "object_type", "state", "attempts", "reason", "code", "fail_time", "next_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHELF_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    FAIL_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    shelf: str
    object_type: str
    state: str
    attempts: int
    reason: str
    code: str
    fail_time: _timestamp_pb2.Timestamp
    next_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., shelf: _Optional[str] = ..., object_type: _Optional[str] = ..., state: _Optional[str] = ..., attempts: _Optional[int] = ..., reason: _Optional[str] = ..., code: _Optional[str] = ..., fail_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListFailuresRequest(_message.Message):
    __slots__ = ("entity", "filter", "discarded", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    DISCARDED_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    filter: FailureFilter
    discarded: bool
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., filter: _Optional[_Union[FailureFilter, _Mapping]] = ..., discarded: _Optional[bool] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListFailuresResponse(_message.Message):
    __slots__ = ("failures", "next_page_token")
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    failures: _containers.RepeatedCompositeFieldContainer[FailureInfo]
    next_page_token: str
    def __init__(self, failures: _Optional[_Iterable[_Union[FailureInfo, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetFailureRequest(_message.Message):
    __slots__ = ("entity", "name")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    entity: str
    name: str
    def __init__(self, entity: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class GetFailureResponse(_message.Message):
    __slots__ = ("failure", "payload")
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    failure: FailureInfo
    payload: str
    def __init__(self, failure: _Optional[_Union[FailureInfo, _Mapping]] = ..., payload: _Optional[str] = ...) -> None: ...

class RedriveFailuresRequest(_message.Message):
    __slots__ = ("entity", "names", "filter", "all", "validate_only")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    names: _containers.RepeatedScalarFieldContainer[str]
    filter: FailureFilter
    all: bool
    validate_only: bool
    def __init__(self, entity: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[FailureFilter, _Mapping]] = ..., all: _Optional[bool] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class RedriveFailuresResponse(_message.Message):
    __slots__ = ("failures", "redriven_count")
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    REDRIVEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    failures: _containers.RepeatedCompositeFieldContainer[FailureInfo]
    redriven_count: int
    def __init__(self, failures: _Optional[_Iterable[_Union[FailureInfo, _Mapping]]] = ..., redriven_count: _Optional[int] = ...) -> None: ...

class DiscardFailuresRequest(_message.Message):
    __slots__ = ("entity", "names", "filter", "all", "reason", "validate_only")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    names: _containers.RepeatedScalarFieldContainer[str]
    filter: FailureFilter
    all: bool
    reason: str
    validate_only: bool
    def __init__(self, entity: _Optional[str] = ..., names: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[FailureFilter, _Mapping]] = ..., all: _Optional[bool] = ..., reason: _Optional[str] = ..., validate_only: _Optional[bool] = ...) -> None: ...

class DiscardFailuresResponse(_message.Message):
    __slots__ = ("failures", "discarded_count")
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    DISCARDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    failures: _containers.RepeatedCompositeFieldContainer[FailureInfo]
    discarded_count: int
    def __init__(self, failures: _Optional[_Iterable[_Union[FailureInfo, _Mapping]]] = ..., discarded_count: _Optional[int] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("run_id", "entity", "kind", "state", "start_time", "end_time", "object_types", "current_type", "seen_count", "missed_count", "reason", "requested_by", "create_time", "update_time")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Run.Kind]
        KIND_SWEEP: _ClassVar[Run.Kind]
        KIND_BACKFILL: _ClassVar[Run.Kind]
    KIND_UNSPECIFIED: Run.Kind
    KIND_SWEEP: Run.Kind
    KIND_BACKFILL: Run.Kind
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Run.State]
        STATE_RUNNING: _ClassVar[Run.State]
        STATE_SUCCEEDED: _ClassVar[Run.State]
        STATE_CANCELLED: _ClassVar[Run.State]
        STATE_FAILED: _ClassVar[Run.State]
    STATE_UNSPECIFIED: Run.State
    STATE_RUNNING: Run.State
    STATE_SUCCEEDED: Run.State
    STATE_CANCELLED: Run.State
    STATE_FAILED: Run.State
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPES_FIELD_NUMBER: _ClassVar[int]
    CURRENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    SEEN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    entity: str
    kind: Run.Kind
    state: Run.State
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    object_types: _containers.RepeatedScalarFieldContainer[str]
    current_type: str
    seen_count: int
    missed_count: int
    reason: str
    requested_by: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, run_id: _Optional[str] = ..., entity: _Optional[str] = ..., kind: _Optional[_Union[Run.Kind, str]] = ..., state: _Optional[_Union[Run.State, str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., object_types: _Optional[_Iterable[str]] = ..., current_type: _Optional[str] = ..., seen_count: _Optional[int] = ..., missed_count: _Optional[int] = ..., reason: _Optional[str] = ..., requested_by: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StartSweepRequest(_message.Message):
    __slots__ = ("entity", "start_time", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    start_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartSweepResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class StartBackfillRequest(_message.Message):
    __slots__ = ("entity", "object_types", "start_time", "end_time", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_TYPES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    object_types: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., object_types: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class StartBackfillResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class GetRunRequest(_message.Message):
    __slots__ = ("entity", "run_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    run_id: str
    def __init__(self, entity: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class GetRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class ListRunsRequest(_message.Message):
    __slots__ = ("entity", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRunsResponse(_message.Message):
    __slots__ = ("runs", "next_page_token")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    runs: _containers.RepeatedCompositeFieldContainer[Run]
    next_page_token: str
    def __init__(self, runs: _Optional[_Iterable[_Union[Run, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchRunRequest(_message.Message):
    __slots__ = ("entity", "run_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    run_id: str
    def __init__(self, entity: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class WatchRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...

class CancelRunRequest(_message.Message):
    __slots__ = ("entity", "run_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    run_id: str
    def __init__(self, entity: _Optional[str] = ..., run_id: _Optional[str] = ...) -> None: ...

class CancelRunResponse(_message.Message):
    __slots__ = ("run",)
    RUN_FIELD_NUMBER: _ClassVar[int]
    run: Run
    def __init__(self, run: _Optional[_Union[Run, _Mapping]] = ...) -> None: ...
