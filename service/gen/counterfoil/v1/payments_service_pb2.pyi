import datetime

from service.gen.counterfoil.v1 import payment_pb2 as _payment_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CaptureMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CAPTURE_METHOD_UNSPECIFIED: _ClassVar[CaptureMethod]
    CAPTURE_METHOD_AUTOMATIC: _ClassVar[CaptureMethod]
    CAPTURE_METHOD_MANUAL: _ClassVar[CaptureMethod]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_UNSPECIFIED: _ClassVar[Reason]
    REASON_DUPLICATE: _ClassVar[Reason]
    REASON_FRAUDULENT: _ClassVar[Reason]
    REASON_REQUESTED_BY_CUSTOMER: _ClassVar[Reason]
    REASON_ABANDONED: _ClassVar[Reason]
CAPTURE_METHOD_UNSPECIFIED: CaptureMethod
CAPTURE_METHOD_AUTOMATIC: CaptureMethod
CAPTURE_METHOD_MANUAL: CaptureMethod
REASON_UNSPECIFIED: Reason
REASON_DUPLICATE: Reason
REASON_FRAUDULENT: Reason
REASON_REQUESTED_BY_CUSTOMER: Reason
REASON_ABANDONED: Reason

class OffSession(_message.Message):
    __slots__ = ("payment_method_id",)
    PAYMENT_METHOD_ID_FIELD_NUMBER: _ClassVar[int]
    payment_method_id: str
    def __init__(self, payment_method_id: _Optional[str] = ...) -> None: ...

class Unconfirmed(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HostedCheckout(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PaymentLink(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CreatePaymentRequest(_message.Message):
    __slots__ = ("entity", "record_id", "off_session", "unconfirmed", "hosted_checkout", "payment_link", "version", "request_id", "capture_method", "amount_source")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    OFF_SESSION_FIELD_NUMBER: _ClassVar[int]
    UNCONFIRMED_FIELD_NUMBER: _ClassVar[int]
    HOSTED_CHECKOUT_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_LINK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CAPTURE_METHOD_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    entity: str
    record_id: str
    off_session: OffSession
    unconfirmed: Unconfirmed
    hosted_checkout: HostedCheckout
    payment_link: PaymentLink
    version: str
    request_id: str
    capture_method: CaptureMethod
    amount_source: _payment_pb2.AmountSource
    def __init__(self, entity: _Optional[str] = ..., record_id: _Optional[str] = ..., off_session: _Optional[_Union[OffSession, _Mapping]] = ..., unconfirmed: _Optional[_Union[Unconfirmed, _Mapping]] = ..., hosted_checkout: _Optional[_Union[HostedCheckout, _Mapping]] = ..., payment_link: _Optional[_Union[PaymentLink, _Mapping]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ..., capture_method: _Optional[_Union[CaptureMethod, str]] = ..., amount_source: _Optional[_Union[_payment_pb2.AmountSource, str]] = ...) -> None: ...

class CreatePaymentResponse(_message.Message):
    __slots__ = ("payment", "replayed", "client_secret")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CLIENT_SECRET_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    replayed: bool
    client_secret: str
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., replayed: _Optional[bool] = ..., client_secret: _Optional[str] = ...) -> None: ...

class CapturePaymentRequest(_message.Message):
    __slots__ = ("entity", "payment_id", "amount", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payment_id: str
    amount: _payment_pb2.MinorAmount
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CapturePaymentResponse(_message.Message):
    __slots__ = ("payment", "request_state", "replayed")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CancelPaymentRequest(_message.Message):
    __slots__ = ("entity", "payment_id", "reason", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payment_id: str
    reason: Reason
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., payment_id: _Optional[str] = ..., reason: _Optional[_Union[Reason, str]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelPaymentResponse(_message.Message):
    __slots__ = ("payment", "request_state", "replayed")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class RefundPaymentRequest(_message.Message):
    __slots__ = ("entity", "payment_id", "amount", "reason", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payment_id: str
    amount: _payment_pb2.MinorAmount
    reason: Reason
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., reason: _Optional[_Union[Reason, str]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class RefundPaymentResponse(_message.Message):
    __slots__ = ("payment", "refund_id", "request_state", "replayed")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    REFUND_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    refund_id: str
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., refund_id: _Optional[str] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class GetPaymentRequest(_message.Message):
    __slots__ = ("entity", "payment_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    payment_id: str
    def __init__(self, entity: _Optional[str] = ..., payment_id: _Optional[str] = ...) -> None: ...

class GetPaymentResponse(_message.Message):
    __slots__ = ("payment",)
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ...) -> None: ...

class ListPaymentsRequest(_message.Message):
    __slots__ = ("entity", "record_id", "state", "customer_id", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    record_id: str
    state: _payment_pb2.Payment.State
    customer_id: str
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., record_id: _Optional[str] = ..., state: _Optional[_Union[_payment_pb2.Payment.State, str]] = ..., customer_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPaymentsResponse(_message.Message):
    __slots__ = ("payments", "next_page_token")
    PAYMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payments: _containers.RepeatedCompositeFieldContainer[_payment_pb2.Payment]
    next_page_token: str
    def __init__(self, payments: _Optional[_Iterable[_Union[_payment_pb2.Payment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchPaymentsRequest(_message.Message):
    __slots__ = ("entity", "record_id", "customer_id", "resume_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    record_id: str
    customer_id: str
    resume_token: str
    def __init__(self, entity: _Optional[str] = ..., record_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchPaymentsResponse(_message.Message):
    __slots__ = ("payment", "change_time", "resume_token")
    PAYMENT_FIELD_NUMBER: _ClassVar[int]
    CHANGE_TIME_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    payment: _payment_pb2.Payment
    change_time: _timestamp_pb2.Timestamp
    resume_token: str
    def __init__(self, payment: _Optional[_Union[_payment_pb2.Payment, _Mapping]] = ..., change_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resume_token: _Optional[str] = ...) -> None: ...
