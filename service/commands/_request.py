"""A request: what somebody asks to be done, fingerprinted, and given its keys; its operation says what it may hold."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

CREATE_PAYMENT = "create_payment"
CREATE_CUSTOMER = "create_customer"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whoever made it.

    Attributes:
        entity: the legal entity whose Stripe account it is about.
        operation: what is to be done: a name of the table of operations.
        record_id: the record it is for, of an object that the operation takes; None where the object alone is named.
        target_id: the Stripe object that something is to be done with, if one is named.
        arguments: what the operation needs besides, as text; an argument that is not given is missing.
        version: the business version. The same version is the same action; another attempt needs another. Empty where
            every request is an action of its own.
        request_id: the caller's id of this very request, for safe repetition.
        requested_by: who asked: a Salesforce user id or a caller's name.
        asked_as: who the door knows to have asked: the publisher of an event, whoever it names in requested_by.
        source: "grpc" or "salesforce".
        policy: version of the access policy that let it in, for the audit log; None where there is none.
        asked_at: when it was asked, UTC, if that was before now.
    """

    entity: str
    operation: str
    record_id: str | None = None
    target_id: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    version: str = "1"
    request_id: str | None = None
    requested_by: str | None = None
    asked_as: str | None = None
    source: str = "grpc"
    asked_at: datetime | None = None
    policy: str | None = None

    @property
    def subject(self) -> str:
        """What the business version counts for: the object that is named, else the record."""
        return self.target_id or self.record_id or ""

    def fingerprint(self) -> str:
        """Return what tells the same request from another one with the same business key."""
        rest = dict(self.arguments)
        content: list[object] = [self.operation, self.entity, self.subject, self.version]
        if self.operation == CREATE_PAYMENT:
            # Kept for ever in rows of earlier versions, which knew these two only.
            content += [rest.pop("method", ""), rest.pop("payment_method_id", None)]
        content += sorted(rest.items())
        return hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]


def idempotency_key(entity: str, subject: str, operation: str, version: str, step: str) -> str:
    """Return Stripe's key for one step of one business action: the same for ever, whoever runs it."""
    content = orjson.dumps([entity, subject, operation, version, step])
    return f"counterfoil-{step}-{hashlib.sha256(content).hexdigest()[:40]}"
