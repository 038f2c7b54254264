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

class Reconciliation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECONCILIATION_UNSPECIFIED: _ClassVar[Reconciliation]
    RECONCILIATION_PENDING: _ClassVar[Reconciliation]
    RECONCILIATION_BALANCED: _ClassVar[Reconciliation]
    RECONCILIATION_ALLOCATED: _ClassVar[Reconciliation]
    RECONCILIATION_DIFFERENCE: _ClassVar[Reconciliation]
    RECONCILIATION_NOT_APPLICABLE: _ClassVar[Reconciliation]
    RECONCILIATION_UNKNOWN: _ClassVar[Reconciliation]
RECONCILIATION_UNSPECIFIED: Reconciliation
RECONCILIATION_PENDING: Reconciliation
RECONCILIATION_BALANCED: Reconciliation
RECONCILIATION_ALLOCATED: Reconciliation
RECONCILIATION_DIFFERENCE: Reconciliation
RECONCILIATION_NOT_APPLICABLE: Reconciliation
RECONCILIATION_UNKNOWN: Reconciliation

class Payout(_message.Message):
    __slots__ = ("payout_id", "entity", "stripe_status", "amount", "automatic", "method", "reconciliation", "difference", "trace_id", "failure", "reversed_by", "arrival_time", "create_time")
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    STRIPE_STATUS_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AUTOMATIC_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RECONCILIATION_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    REVERSED_BY_FIELD_NUMBER: _ClassVar[int]
    ARRIVAL_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    payout_id: str
    entity: str
    stripe_status: str
    amount: _payment_pb2.MinorAmount
    automatic: bool
    method: str
    reconciliation: Reconciliation
    difference: _payment_pb2.MinorAmount
    trace_id: str
    failure: _payment_pb2.Failure
    reversed_by: str
    arrival_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, payout_id: _Optional[str] = ..., entity: _Optional[str] = ..., stripe_status: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., automatic: _Optional[bool] = ..., method: _Optional[str] = ..., reconciliation: _Optional[_Union[Reconciliation, str]] = ..., difference: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., trace_id: _Optional[str] = ..., failure: _Optional[_Union[_payment_pb2.Failure, _Mapping]] = ..., reversed_by: _Optional[str] = ..., arrival_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StatementLine(_message.Message):
    __slots__ = ("category", "count", "gross", "fee", "net")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    GROSS_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    category: str
    count: int
    gross: _payment_pb2.MinorAmount
    fee: _payment_pb2.MinorAmount
    net: _payment_pb2.MinorAmount
    def __init__(self, category: _Optional[str] = ..., count: _Optional[int] = ..., gross: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., fee: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., net: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ...) -> None: ...

class StatementEntry(_message.Message):
    __slots__ = ("payout_id", "balance_transaction_id", "category", "gross", "fee", "net", "own")
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    GROSS_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    payout_id: str
    balance_transaction_id: str
    category: str
    gross: _payment_pb2.MinorAmount
    fee: _payment_pb2.MinorAmount
    net: _payment_pb2.MinorAmount
    own: bool
    def __init__(self, payout_id: _Optional[str] = ..., balance_transaction_id: _Optional[str] = ..., category: _Optional[str] = ..., gross: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., fee: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., net: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., own: _Optional[bool] = ...) -> None: ...

class OpenItem(_message.Message):
    __slots__ = ("entity", "object_id", "state", "since_time", "looked_for", "remedy")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    OBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    LOOKED_FOR_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    entity: str
    object_id: str
    state: str
    since_time: _timestamp_pb2.Timestamp
    looked_for: _containers.RepeatedScalarFieldContainer[str]
    remedy: str
    def __init__(self, entity: _Optional[str] = ..., object_id: _Optional[str] = ..., state: _Optional[str] = ..., since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., looked_for: _Optional[_Iterable[str]] = ..., remedy: _Optional[str] = ...) -> None: ...

class ListPayoutsRequest(_message.Message):
    __slots__ = ("entity", "reconciliation", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECONCILIATION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    reconciliation: Reconciliation
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., reconciliation: _Optional[_Union[Reconciliation, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPayoutsResponse(_message.Message):
    __slots__ = ("payouts", "next_page_token")
    PAYOUTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payouts: _containers.RepeatedCompositeFieldContainer[Payout]
    next_page_token: str
    def __init__(self, payouts: _Optional[_Iterable[_Union[Payout, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPayoutRequest(_message.Message):
    __slots__ = ("entity", "payout_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payout_id: str
    def __init__(self, entity: _Optional[str] = ..., payout_id: _Optional[str] = ...) -> None: ...

class GetPayoutResponse(_message.Message):
    __slots__ = ("payout",)
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    payout: Payout
    def __init__(self, payout: _Optional[_Union[Payout, _Mapping]] = ...) -> None: ...

class GetStatementRequest(_message.Message):
    __slots__ = ("entity", "payout_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYOUT_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payout_id: str
    def __init__(self, entity: _Optional[str] = ..., payout_id: _Optional[str] = ...) -> None: ...

class GetStatementResponse(_message.Message):
    __slots__ = ("payout", "lines", "notes")
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    payout: Payout
    lines: _containers.RepeatedCompositeFieldContainer[StatementLine]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, payout: _Optional[_Union[Payout, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[StatementLine, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ListExceptionsRequest(_message.Message):
    __slots__ = ("entity", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListExceptionsResponse(_message.Message):
    __slots__ = ("items", "next_page_token")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OpenItem]
    next_page_token: str
    def __init__(self, items: _Optional[_Iterable[_Union[OpenItem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ExportStatementsRequest(_message.Message):
    __slots__ = ("entity", "start_time", "end_time")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    entity: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, entity: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportStatementsResponse(_message.Message):
    __slots__ = ("payout", "entries")
    PAYOUT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    payout: Payout
    entries: _containers.RepeatedCompositeFieldContainer[StatementEntry]
    def __init__(self, payout: _Optional[_Union[Payout, _Mapping]] = ..., entries: _Optional[_Iterable[_Union[StatementEntry, _Mapping]]] = ...) -> None: ...
