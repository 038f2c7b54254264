import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_STATE_UNSPECIFIED: _ClassVar[RequestState]
    REQUEST_STATE_ACCEPTED: _ClassVar[RequestState]
    REQUEST_STATE_RUNNING: _ClassVar[RequestState]
    REQUEST_STATE_SUCCEEDED: _ClassVar[RequestState]
    REQUEST_STATE_DECLINED: _ClassVar[RequestState]
    REQUEST_STATE_REFUSED: _ClassVar[RequestState]
    REQUEST_STATE_FAILED: _ClassVar[RequestState]
    REQUEST_STATE_PENDING_APPROVAL: _ClassVar[RequestState]
    REQUEST_STATE_REJECTED: _ClassVar[RequestState]
    REQUEST_STATE_EXPIRED: _ClassVar[RequestState]
    REQUEST_STATE_PREVIEWED: _ClassVar[RequestState]

class Method(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    METHOD_UNSPECIFIED: _ClassVar[Method]
    METHOD_OFF_SESSION: _ClassVar[Method]
    METHOD_UNCONFIRMED: _ClassVar[Method]
    METHOD_HOSTED_CHECKOUT: _ClassVar[Method]
    METHOD_PAYMENT_LINK: _ClassVar[Method]

class AmountSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AMOUNT_SOURCE_UNSPECIFIED: _ClassVar[AmountSource]
    AMOUNT_SOURCE_RECORD: _ClassVar[AmountSource]
    AMOUNT_SOURCE_LINES: _ClassVar[AmountSource]
REQUEST_STATE_UNSPECIFIED: RequestState
REQUEST_STATE_ACCEPTED: RequestState
REQUEST_STATE_RUNNING: RequestState
REQUEST_STATE_SUCCEEDED: RequestState
REQUEST_STATE_DECLINED: RequestState
REQUEST_STATE_REFUSED: RequestState
REQUEST_STATE_FAILED: RequestState
REQUEST_STATE_PENDING_APPROVAL: RequestState
REQUEST_STATE_REJECTED: RequestState
REQUEST_STATE_EXPIRED: RequestState
REQUEST_STATE_PREVIEWED: RequestState
METHOD_UNSPECIFIED: Method
METHOD_OFF_SESSION: Method
METHOD_UNCONFIRMED: Method
METHOD_HOSTED_CHECKOUT: Method
METHOD_PAYMENT_LINK: Method
AMOUNT_SOURCE_UNSPECIFIED: AmountSource
AMOUNT_SOURCE_RECORD: AmountSource
AMOUNT_SOURCE_LINES: AmountSource

class MinorAmount(_message.Message):
    __slots__ = ("amount_minor", "currency_code")
    AMOUNT_MINOR_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    amount_minor: int
    currency_code: str
    def __init__(self, amount_minor: _Optional[int] = ..., currency_code: _Optional[str] = ...) -> None: ...

class Settlement(_message.Message):
    __slots__ = ("amount", "fee", "net", "exchange_rate")
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    FEE_FIELD_NUMBER: _ClassVar[int]
    NET_FIELD_NUMBER: _ClassVar[int]
    EXCHANGE_RATE_FIELD_NUMBER: _ClassVar[int]
    amount: MinorAmount
    fee: MinorAmount
    net: MinorAmount
    exchange_rate: str
    def __init__(self, amount: _Optional[_Union[MinorAmount, _Mapping]] = ..., fee: _Optional[_Union[MinorAmount, _Mapping]] = ..., net: _Optional[_Union[MinorAmount, _Mapping]] = ..., exchange_rate: _Optional[str] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Payment(_message.Message):
    __slots__ = ("payment_id", "entity", "record_id", "state", "stripe_status", "request_state", "method", "version", "amount", "amount_received", "amount_refunded", "settlement", "failure", "checkout_url", "payment_intent_id", "charge_id", "balance_transaction_id", "customer_id", "livemode", "create_time", "pay_time")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Payment.State]
        STATE_DRAFT: _ClassVar[Payment.State]
        STATE_REQUESTED: _ClassVar[Payment.State]
        STATE_REQUIRES_PAYMENT_METHOD: _ClassVar[Payment.State]
        STATE_REQUIRES_ACTION: _ClassVar[Payment.State]
        STATE_PROCESSING: _ClassVar[Payment.State]
        STATE_AUTHORIZED: _ClassVar[Payment.State]
        STATE_PAID: _ClassVar[Payment.State]
        STATE_PARTIALLY_REFUNDED: _ClassVar[Payment.State]
        STATE_REFUNDED: _ClassVar[Payment.State]
        STATE_FAILED: _ClassVar[Payment.State]
        STATE_CANCELLED: _ClassVar[Payment.State]
        STATE_DISPUTED: _ClassVar[Payment.State]
        STATE_UNKNOWN: _ClassVar[Payment.State]
        STATE_LOST: _ClassVar[Payment.State]
    STATE_UNSPECIFIED: Payment.State
    STATE_DRAFT: Payment.State
    STATE_REQUESTED: Payment.State
    STATE_REQUIRES_PAYMENT_METHOD: Payment.State
    STATE_REQUIRES_ACTION: Payment.State
    STATE_PROCESSING: Payment.State
    STATE_AUTHORIZED: Payment.State
    STATE_PAID: Payment.State
    STATE_PARTIALLY_REFUNDED: Payment.State
    STATE_REFUNDED: Payment.State
    STATE_FAILED: Payment.State
    STATE_CANCELLED: Payment.State
    STATE_DISPUTED: Payment.State
    STATE_UNKNOWN: Payment.State
    STATE_LOST: Payment.State
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STRIPE_STATUS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_REFUNDED_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CHECKOUT_URL_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_INTENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHARGE_ID_FIELD_NUMBER: _ClassVar[int]
    BALANCE_TRANSACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LIVEMODE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAY_TIME_FIELD_NUMBER: _ClassVar[int]
    payment_id: str
    entity: str
    record_id: str
    state: Payment.State
    stripe_status: str
    request_state: RequestState
    method: Method
    version: str
    amount: MinorAmount
    amount_received: MinorAmount
    amount_refunded: MinorAmount
    settlement: Settlement
    failure: Failure
    checkout_url: str
    payment_intent_id: str
    charge_id: str
    balance_transaction_id: str
    customer_id: str
    livemode: bool
    create_time: _timestamp_pb2.Timestamp
    pay_time: _timestamp_pb2.Timestamp
    def __init__(self, payment_id: _Optional[str] = ..., entity: _Optional[str] = ..., record_id: _Optional[str] = ..., state: _Optional[_Union[Payment.State, str]] = ..., stripe_status: _Optional[str] = ..., request_state: _Optional[_Union[RequestState, str]] = ..., method: _Optional[_Union[Method, str]] = ..., version: _Optional[str] = ..., amount: _Optional[_Union[MinorAmount, _Mapping]] = ..., amount_received: _Optional[_Union[MinorAmount, _Mapping]] = ..., amount_refunded: _Optional[_Union[MinorAmount, _Mapping]] = ..., settlement: _Optional[_Union[Settlement, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., checkout_url: _Optional[str] = ..., payment_intent_id: _Optional[str] = ..., charge_id: _Optional[str] = ..., balance_transaction_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., livemode: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pay_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
