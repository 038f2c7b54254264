from counterfoil_client._pb.counterfoil.v1 import invoice_pb2 as _invoice_pb2
from counterfoil_client._pb.counterfoil.v1 import payment_pb2 as _payment_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CollectionMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLLECTION_METHOD_UNSPECIFIED: _ClassVar[CollectionMethod]
    COLLECTION_METHOD_SEND_INVOICE: _ClassVar[CollectionMethod]
    COLLECTION_METHOD_CHARGE_AUTOMATICALLY: _ClassVar[CollectionMethod]

class AdvanceTo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ADVANCE_TO_UNSPECIFIED: _ClassVar[AdvanceTo]
    ADVANCE_TO_DRAFT: _ClassVar[AdvanceTo]
    ADVANCE_TO_OPEN: _ClassVar[AdvanceTo]
    ADVANCE_TO_SENT: _ClassVar[AdvanceTo]
    ADVANCE_TO_PAID: _ClassVar[AdvanceTo]

class CreditReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDIT_REASON_UNSPECIFIED: _ClassVar[CreditReason]
    CREDIT_REASON_DUPLICATE: _ClassVar[CreditReason]
    CREDIT_REASON_FRAUDULENT: _ClassVar[CreditReason]
    CREDIT_REASON_ORDER_CHANGE: _ClassVar[CreditReason]
    CREDIT_REASON_PRODUCT_UNSATISFACTORY: _ClassVar[CreditReason]

class CreditTo(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDIT_TO_UNSPECIFIED: _ClassVar[CreditTo]
    CREDIT_TO_REFUND: _ClassVar[CreditTo]
    CREDIT_TO_BALANCE: _ClassVar[CreditTo]
    CREDIT_TO_OUT_OF_BAND: _ClassVar[CreditTo]
COLLECTION_METHOD_UNSPECIFIED: CollectionMethod
COLLECTION_METHOD_SEND_INVOICE: CollectionMethod
COLLECTION_METHOD_CHARGE_AUTOMATICALLY: CollectionMethod
ADVANCE_TO_UNSPECIFIED: AdvanceTo
ADVANCE_TO_DRAFT: AdvanceTo
ADVANCE_TO_OPEN: AdvanceTo
ADVANCE_TO_SENT: AdvanceTo
ADVANCE_TO_PAID: AdvanceTo
CREDIT_REASON_UNSPECIFIED: CreditReason
CREDIT_REASON_DUPLICATE: CreditReason
CREDIT_REASON_FRAUDULENT: CreditReason
CREDIT_REASON_ORDER_CHANGE: CreditReason
CREDIT_REASON_PRODUCT_UNSATISFACTORY: CreditReason
CREDIT_TO_UNSPECIFIED: CreditTo
CREDIT_TO_REFUND: CreditTo
CREDIT_TO_BALANCE: CreditTo
CREDIT_TO_OUT_OF_BAND: CreditTo

class CreateInvoiceRequest(_message.Message):
    __slots__ = ("entity", "record_id", "amount_source", "collection_method", "days_until_due", "advance_to", "payment_method_id", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_METHOD_FIELD_NUMBER: _ClassVar[int]
    DAYS_UNTIL_DUE_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_TO_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_METHOD_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    record_id: str
    amount_source: _payment_pb2.AmountSource
    collection_method: CollectionMethod
    days_until_due: int
    advance_to: AdvanceTo
    payment_method_id: str
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., record_id: _Optional[str] = ..., amount_source: _Optional[_Union[_payment_pb2.AmountSource, str]] = ..., collection_method: _Optional[_Union[CollectionMethod, str]] = ..., days_until_due: _Optional[int] = ..., advance_to: _Optional[_Union[AdvanceTo, str]] = ..., payment_method_id: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed", "command_id", "failure")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    COMMAND_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    command_id: str
    failure: _payment_pb2.Failure
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ..., command_id: _Optional[str] = ..., failure: _Optional[_Union[_payment_pb2.Failure, _Mapping]] = ...) -> None: ...

class FinaliseInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class FinaliseInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class SendInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class SendInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class PayInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "payment_method_id", "out_of_band", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_METHOD_ID_FIELD_NUMBER: _ClassVar[int]
    OUT_OF_BAND_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    payment_method_id: str
    out_of_band: bool
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., payment_method_id: _Optional[str] = ..., out_of_band: _Optional[bool] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class PayInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class VoidInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class VoidInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class MarkInvoiceUncollectibleRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class MarkInvoiceUncollectibleResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ...) -> None: ...

class CreditInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id", "amount", "reason", "credit_to", "version", "request_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CREDIT_TO_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    amount: _payment_pb2.MinorAmount
    reason: CreditReason
    credit_to: CreditTo
    version: str
    request_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ..., amount: _Optional[_Union[_payment_pb2.MinorAmount, _Mapping]] = ..., reason: _Optional[_Union[CreditReason, str]] = ..., credit_to: _Optional[_Union[CreditTo, str]] = ..., version: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreditInvoiceResponse(_message.Message):
    __slots__ = ("invoice", "request_state", "replayed", "credit_note_id")
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_STATE_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    CREDIT_NOTE_ID_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    request_state: _payment_pb2.RequestState
    replayed: bool
    credit_note_id: str
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ..., request_state: _Optional[_Union[_payment_pb2.RequestState, str]] = ..., replayed: _Optional[bool] = ..., credit_note_id: _Optional[str] = ...) -> None: ...

class GetInvoiceRequest(_message.Message):
    __slots__ = ("entity", "invoice_id")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    entity: str
    invoice_id: str
    def __init__(self, entity: _Optional[str] = ..., invoice_id: _Optional[str] = ...) -> None: ...

class GetInvoiceResponse(_message.Message):
    __slots__ = ("invoice",)
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    invoice: _invoice_pb2.Invoice
    def __init__(self, invoice: _Optional[_Union[_invoice_pb2.Invoice, _Mapping]] = ...) -> None: ...

class ListInvoicesRequest(_message.Message):
    __slots__ = ("entity", "record_id", "state", "customer_id", "page_size", "page_token")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entity: str
    record_id: str
    state: _invoice_pb2.Invoice.State
    customer_id: str
    page_size: int
    page_token: str
    def __init__(self, entity: _Optional[str] = ..., record_id: _Optional[str] = ..., state: _Optional[_Union[_invoice_pb2.Invoice.State, str]] = ..., customer_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListInvoicesResponse(_message.Message):
    __slots__ = ("invoices", "next_page_token")
    INVOICES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    invoices: _containers.RepeatedCompositeFieldContainer[_invoice_pb2.Invoice]
    next_page_token: str
    def __init__(self, invoices: _Optional[_Iterable[_Union[_invoice_pb2.Invoice, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
