"""Stripe's error answers, so that every refusal leaves in the vendor's own shape and wording.

Whether an error is remembered under an idempotency key is decided here and nowhere else: Stripe keeps the outcome of
requests that started to execute and forgets those that failed validation (docs.stripe.com/api/idempotent_requests).
"""

from typing import Any

Json = dict[str, Any]

DOC_URL = "https://stripe.com/docs/error-codes/"


class StripeError(Exception):
    """An answer that is not 2xx.

    `executed` tells whether the endpoint had started its work: such an outcome is replayed under the same key.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = False,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.headers = headers or {}
        error: Json = {"message": message, "type": kind}
        if code is not None:
            error |= {"code": code, "doc_url": DOC_URL + code.replace("_", "-")}
        if param is not None:
            error["param"] = param
        self.error: Json = error | {key: value for key, value in more.items() if value is not None}


def invalid(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """Build a 400 for a parameter: found before execution, so not kept under the key."""
    return StripeError(400, message, code=code, param=param)


def refused(message: str, code: str | None = None, **more: Any) -> StripeError:
    """Build a 400 for a state the object is in: the endpoint did execute, so the answer is kept under the key."""
    return StripeError(400, message, code=code, executed=True, **more)


def missing(noun: str, identifier: str, param: str, *, status: int = 404) -> StripeError:
    """Build the answer for an id that names nothing: 404 in a path, 400 in a parameter."""
    return StripeError(status, f"No such {noun}: '{identifier}'", code="resource_missing", param=param)


def not_imitated(what: str) -> StripeError:
    """Build the sandbox's own answer to something Stripe has and the sandbox does not."""
    return StripeError(
        501, f"The sandbox does not imitate {what}; Stripe itself has it.", kind="api_error", code="not_imitated"
    )


def unrecognized(method: str, path: str) -> StripeError:
    """Build Stripe's answer to a path it does not have."""
    return StripeError(
        404,
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove the trailing slash. "
        "If you are trying to retrieve an object, make sure you passed a valid (non-empty) identifier in your code. "
        "Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )
