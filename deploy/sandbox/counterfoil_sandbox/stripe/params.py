"""Types of request parameters, checked before anything is executed.

Three answers are possible for a parameter: it is read, it is refused as unknown to Stripe (400), or it is refused as
known to Stripe and not imitated here (501). Nothing is silently ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from counterfoil_sandbox.stripe.errors import invalid, not_imitated

_INTEGER = re.compile(r"-?\d+")
_METADATA_KEYS = 50
_METADATA_KEY_LENGTH = 40
_METADATA_VALUE_LENGTH = 500


class Kind:
    """How one parameter is read. `unset` allows the empty string, which Stripe reads as "remove this value"."""

    unset = False

    def read(self, name: str, raw: Any) -> Any:
        """Return the typed value, None for an unset, or raise."""
        if raw == "":
            if self.unset:
                return None
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; "
                f"however '{name}' cannot be unset. You should remove '{name}' from your request or supply a "
                "non-empty value.",
                name,
                "parameter_invalid_empty",
            )
        return self._convert(name, raw)

    def _convert(self, name: str, raw: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Kind):
    """A string of at most `length` characters."""

    length: int = 5000
    unset: bool = False

    def _convert(self, name: str, raw: Any) -> str:
        if not isinstance(raw, str):
            raise invalid(f"Invalid string: {raw}", name)
        if len(raw) > self.length:
            raise invalid(
                f"Invalid string: {raw[:12]}...; must be at most {self.length} characters",
                name,
                "parameter_invalid_string",
            )
        return raw


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number, refused in any other notation."""

    minimum: int | None = None
    maximum: int | None = None
    unset: bool = False

    def _convert(self, name: str, raw: Any) -> int:
        if not isinstance(raw, str) or not _INTEGER.fullmatch(raw):
            raise invalid(f"Invalid integer: {raw}", name, "parameter_invalid_integer")
        value = int(raw)
        if self.minimum is not None and value < self.minimum:
            raise invalid(
                f"This value must be greater than or equal to {self.minimum}.", name, "parameter_invalid_integer"
            )
        if self.maximum is not None and value > self.maximum:
            raise invalid(
                f"This value must be less than or equal to {self.maximum}.", name, "parameter_invalid_integer"
            )
        return value


@dataclass(frozen=True)
class Boolean(Kind):
    """The words true and false."""

    unset: bool = False

    def _convert(self, name: str, raw: Any) -> bool:
        if raw not in ("true", "false"):
            raise invalid(f"Invalid boolean: {raw}", name)
        return bool(raw == "true")


@dataclass(frozen=True)
class Choice(Kind):
    """One of `values`; a value in `elsewhere` is Stripe's but not imitated."""

    values: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    unset: bool = False

    def _convert(self, name: str, raw: Any) -> str:
        if raw in self.elsewhere:
            raise not_imitated(f"{name}={raw}")
        if raw not in self.values:
            known = (*self.values, *self.elsewhere)
            words = ", ".join(known[:-1]) + f", or {known[-1]}" if len(known) > 1 else known[0]
            raise invalid(f"Invalid {name}: must be one of {words}", name)
        return str(raw)


@dataclass(frozen=True)
class Metadata(Kind):
    """Up to 50 keys; an empty value removes its key, an empty whole removes them all."""

    unset: bool = True

    def _convert(self, name: str, raw: Any) -> dict[str, str]:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        if len(raw) > _METADATA_KEYS:
            raise invalid(f"Metadata can have at most {_METADATA_KEYS} keys", name)
        for key, value in raw.items():
            if not isinstance(value, str):
                raise invalid("Metadata values must be strings", f"{name}[{key}]")
            if len(key) > _METADATA_KEY_LENGTH:
                raise invalid(f"Metadata keys must be under {_METADATA_KEY_LENGTH} characters long", name)
            if len(value) > _METADATA_VALUE_LENGTH:
                raise invalid(
                    f"Metadata values can have up to {_METADATA_VALUE_LENGTH} characters, but you passed in a value "
                    f"that is {len(value)} characters",
                    f"{name}[{key}]",
                )
        return dict(raw)


@dataclass(frozen=True)
class Hash(Kind):
    """A nested object with its own parameters."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    unset: bool = False

    def _convert(self, name: str, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, dict):
            raise invalid("Invalid object", name)
        return read_fields(raw, self.fields, self.required, self.elsewhere, prefix=name)


@dataclass(frozen=True)
class Array(Kind):
    """A list of one kind."""

    item: Kind
    length: int = 100
    unset: bool = False

    def _convert(self, name: str, raw: Any) -> list[Any]:
        if not isinstance(raw, dict) or not all(key.isdecimal() for key in raw):
            raise invalid("Invalid array", name)
        if len(raw) > self.length:
            raise invalid(f"Array is too long: at most {self.length} elements are allowed", name)
        return [self.item.read(f"{name}[{key}]", raw[key]) for key in sorted(raw, key=int)]


@dataclass(frozen=True)
class Range(Kind):
    """A `created` filter: a timestamp, or bounds gt, gte, lt, lte in Unix seconds."""

    unset: bool = False

    def _convert(self, name: str, raw: Any) -> dict[str, int]:
        bound = Integer()
        if isinstance(raw, dict):
            bounds = dict.fromkeys(("gt", "gte", "lt", "lte"), bound)
            return read_fields(raw, bounds, (), frozenset(), prefix=name)
        exact = bound.read(name, raw)
        return {"gte": exact, "lte": exact}


def read_fields(
    raw: Mapping[str, Any],
    fields: Mapping[str, Kind],
    required: tuple[str, ...],
    elsewhere: frozenset[str],
    prefix: str = "",
) -> dict[str, Any]:
    """Read `raw` by `fields`; raise on unknown, not imitated and missing names, in this order."""

    def full(name: str) -> str:
        return f"{prefix}[{name}]" if prefix else name

    if unknown := [full(name) for name in raw if name not in fields and name not in elsewhere]:
        plural = "s" if len(unknown) > 1 else ""
        raise invalid(f"Received unknown parameter{plural}: {', '.join(unknown)}", unknown[0], "parameter_unknown")
    for name in required:
        if name not in raw:
            raise invalid(f"Missing required param: {full(name)}.", full(name), "parameter_missing")
    values = {name: fields[name].read(full(name), value) for name, value in raw.items() if name in fields}
    for name in raw:
        if name in elsewhere:
            raise not_imitated(f"the parameter {full(name)}")
    return values


@dataclass(frozen=True)
class Params:
    """The parameters of one endpoint."""

    fields: Mapping[str, Kind] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()

    def read(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return typed values, with `expand` taken for granted."""
        return read_fields(raw, {**self.fields, "expand": EXPAND}, self.required, self.elsewhere)


class Removed(Kind):
    """`payment_method_types`, which Stripe took away with 2026-09-30.endive (docs.stripe.com/changelog/endive)."""

    def read(self, name: str, raw: Any) -> Any:  # noqa: ARG002
        """Refuse it, whatever its value."""
        raise invalid(
            f"The parameter `{name}` is no longer supported. Use dynamic payment methods, or "
            "`allowed_payment_method_types` to limit them.",
            name,
            "payment_method_types_no_longer_supported",
        )


# every type of PaymentMethod but cards
OTHER_METHODS = (
    "acss_debit", "affirm", "afterpay_clearpay", "alipay", "alma", "amazon_pay", "au_becs_debit", "bacs_debit",
    "bancontact", "billie", "bizum", "blik", "boleto", "cashapp", "crypto", "customer_balance", "eps", "fpx",
    "giropay", "grabpay", "ideal", "interac_present", "kakao_pay", "klarna", "konbini", "kr_card", "link",
    "mb_way", "mobilepay", "multibanco", "naver_pay", "nz_bank_account", "oxxo", "p24", "pay_by_bank", "payco",
    "paynow", "paypal", "payto", "pix", "promptpay", "revolut_pay", "samsung_pay", "satispay", "scalapay",
    "sepa_debit", "sofort", "sunbit", "swish", "twint", "upi", "us_bank_account", "wechat_pay", "zip",
)  # fmt: skip
EXPAND = Array(Text(), length=20)
PAGING: dict[str, Kind] = {"limit": Integer(1, 100), "starting_after": Text(), "ending_before": Text()}
ADDRESS = Hash({name: Text(unset=True) for name in ("city", "country", "line1", "line2", "postal_code", "state")})
SHIPPING = Hash(
    {
        "address": ADDRESS,
        "name": Text(),
        "phone": Text(unset=True),
        "carrier": Text(unset=True),
        "tracking_number": Text(unset=True),
    },
    required=("address", "name"),
    unset=True,
)


def merged(metadata: Mapping[str, str] | None, changes: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata after an update: keys are merged, an empty value removes its key, None removes all."""
    if changes is None:
        return {}
    return {key: value for key, value in {**(metadata or {}), **changes}.items() if value}
