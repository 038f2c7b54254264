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

class InvoiceLine(_message.Message):
    __slots__ = ("description", "quantity", "amount", "tax")
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    TAX_FIELD_NUMBER: _ClassVar[int]
    description: str
    quantity: str
    amount: _payment_pb2.MinorAmount
    tax: _payment_pb2.MinorAmount
    def __init__(self, description: _Optional[str] = ..., quantity: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., tax: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ...) -> None: ...

class Invoice(_message.Message):
    __slots__ = ("invoice_id", "entity", "record_id", "state", "stripe_status", "number", "subtotal", "tax", "total", "amount_due", "amount_paid", "amount_remaining", "amount_credited", "hosted_invoice_url", "pdf_url", "customer_id", "livemode", "create_time", "finalize_time", "due_time", "pay_time", "lines")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Invoice.State]
        STATE_DRAFT: _ClassVar[Invoice.State]
        STATE_OPEN: _ClassVar[Invoice.State]
        STATE_PAID: _ClassVar[Invoice.State]
        STATE_VOID: _ClassVar[Invoice.State]
        STATE_UNCOLLECTIBLE: _ClassVar[Invoice.State]
        STATE_UNKNOWN: _ClassVar[Invoice.State]
    STATE_UNSPECIFIED: Invoice.State
    STATE_DRAFT: Invoice.State
    STATE_OPEN: Invoice.State
    STATE_PAID: Invoice.State
    STATE_VOID: Invoice.State
    STATE_UNCOLLECTIBLE: Invoice.State
    STATE_UNKNOWN: Invoice.State
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STRIPE_STATUS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    SUBTOTAL_FIELD_NUMBER: _ClassVar[int]
    TAX_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_DUE_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_PAID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_REMAINING_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CREDITED_FIELD_NUMBER: _ClassVar[int]
    HOSTED_INVOICE_URL_FIELD_NUMBER: _ClassVar[int]
    PDF_URL_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LIVEMODE_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FINALIZE_TIME_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAY_TIME_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    invoice_id: str
    entity: str
    record_id: str
    state: Invoice.State
    stripe_status: str
    number: str
    subtotal: _payment_pb2.MinorAmount
    tax: _payment_pb2.MinorAmount
    total: _payment_pb2.MinorAmount
    amount_due: _payment_pb2.MinorAmount
    amount_paid: _payment_pb2.MinorAmount
    amount_remaining: _payment_pb2.MinorAmount
    amount_credited: _payment_pb2.MinorAmount
    hosted_invoice_url: str
    pdf_url: str
    customer_id: str
    livemode: bool
    create_time: _timestamp_pb2.Timestamp
    finalize_time: _timestamp_pb2.Timestamp
    due_time: _timestamp_pb2.Timestamp
    pay_time: _timestamp_pb2.Timestamp
    lines: _containers.RepeatedCompositeFieldContainer[InvoiceLine]
    def __init__(self, invoice_id: _Optional[str] = ..., entity: _Optional[str] = ..., record_id: _Optional[str] = ..., state: _Optional[_Union[Invoice.State, str]] = ..., stripe_status: _Optional[str] = ..., number: _Optional[str] = ..., subtotal: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., tax: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., total: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., amount_due: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., amount_paid: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., amount_remaining: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., amount_credited: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., hosted_invoice_url: _Optional[str] = ..., pdf_url: _Optional[str] = ..., customer_id: _Optional[str] = ..., livemode: _Optional[bool] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finalize_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pay_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lines: _Optional[_Iterable[_Union[InvoiceLine, _Mapping]]] = ...) -> None: ...
