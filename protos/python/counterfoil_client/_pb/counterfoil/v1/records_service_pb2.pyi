import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ExplainRecordRequest(_message.Message):
    __slots__ = ("entity", "id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    id: str
    def __init__(self, entity: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ExplanationStep(_message.Message):
    __slots__ = ("time", "kind", "id", "text")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[ExplanationStep.Kind]
        KIND_REQUEST: _ClassVar[ExplanationStep.Kind]
        KIND_STRIPE_CALL: _ClassVar[ExplanationStep.Kind]
        KIND_EVENT: _ClassVar[ExplanationStep.Kind]
        KIND_OBJECT: _ClassVar[ExplanationStep.Kind]
        KIND_DESIRED: _ClassVar[ExplanationStep.Kind]
        KIND_DELIVERED: _ClassVar[ExplanationStep.Kind]
        KIND_FAILURE: _ClassVar[ExplanationStep.Kind]
    KIND_UNSPECIFIED: ExplanationStep.Kind
    KIND_REQUEST: ExplanationStep.Kind
    KIND_STRIPE_CALL: ExplanationStep.Kind
    KIND_EVENT: ExplanationStep.Kind
    KIND_OBJECT: ExplanationStep.Kind
    KIND_DESIRED: ExplanationStep.Kind
    KIND_DELIVERED: ExplanationStep.Kind
    KIND_FAILURE: ExplanationStep.Kind
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    kind: ExplanationStep.Kind
    id: str
    text: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[ExplanationStep.Kind, str]] = ..., id: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class ExplainRecordResponse(_message.Message):
    __slots__ = ("record_id", "steps", "truncated")
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    record_id: str
    steps: _containers.RepeatedCompositeFieldContainer[ExplanationStep]
    truncated: bool
    def __init__(self, record_id: _Optional[str] = ..., steps: _Optional[_Iterable[_Union[ExplanationStep, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...
