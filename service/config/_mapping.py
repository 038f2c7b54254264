"""How one org keeps our records: its own names, what it leaves out, and values worked out by expressions.

Expressions are of the Common Expression Language (cel.dev): no loops without end, no input but what they are given, no
effect. What one may be is decided here, so that a wrong one is refused with its place in the file, before any start.
"""

import re
from functools import lru_cache
from typing import Annotated, Self

import cel
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

ApiName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,79}$")]

MAX_EXPRESSION_LENGTH = 500
# Each goes over a list; inside one another they multiply, and the lists are what Stripe puts into one object.
MAX_LIST_MACROS = 2
VARIABLES = frozenset({"ours", "stripe"})
# What the language brings that is exact and cheap; binary fractions and times of day are left out on purpose.
_OF_THE_LANGUAGE = frozenset({"contains", "endsWith", "int", "size", "startsWith", "string"})
# What service.mapping adds.
OF_OURS = frozenset(
    {"add", "less", "lower", "multiply", "number", "replace", "round", "substring", "subtract", "text", "trim", "upper"}
)
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_NAMED = re.compile(r"[A-Za-z]")


@lru_cache(maxsize=4096)
def compiled(source: str) -> cel.Program:
    """Return an expression ready to run.

    Raises:
        ValueError: it is no expression.
    """
    return cel.compile(source)


def _bounded(source: str) -> str:
    try:
        program = compiled(source)
    except Exception:  # noqa: BLE001  (the parser has no error of its own; its text would repeat the expression)
        raise ValueError("is not an expression of CEL: see cel.dev/overview/cel-overview") from None
    loops = _MACRO.findall(source)
    if len(loops) > MAX_LIST_MACROS:
        raise ValueError(f"goes over lists {len(loops)} times: {MAX_LIST_MACROS} are allowed")
    if strangers := sorted(set(program.variables()) - VARIABLES - set(loops)):
        raise ValueError(f"names {', '.join(strangers)}: an expression sees 'ours' and 'stripe'")
    used = {name for name in program.functions() if _NAMED.search(name) and not name.startswith("@")}
    if unknown := sorted(used - _OF_THE_LANGUAGE - OF_OURS):
        raise ValueError(f"uses {', '.join(unknown)}: it may use {', '.join(sorted(_OF_THE_LANGUAGE | OF_OURS))}")
    return source


Expression = Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_LENGTH), AfterValidator(_bounded)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Computed(_Frozen):
    """A field of the org whose value is worked out, in place of one of ours."""

    to: ApiName = Field(description="API name of the org's field.")
    value: Expression = Field(description="A CEL expression over 'ours' (our fields) and 'stripe' (Stripe's object).")


class ObjectMapping(_Frozen):
    """How one of our Salesforce objects is kept in this org."""

    enabled: bool = Field(default=True, description="false writes no record of this object, and no lookup to one.")
    object: ApiName | None = Field(default=None, description="API name to write instead of ours.")
    fields: dict[ApiName, ApiName | Computed | None] = Field(
        default_factory=dict, max_length=200, description="Our field to the org's, or to a worked out one; null: not."
    )
    extra: dict[ApiName, Expression] = Field(
        default_factory=dict, max_length=50, description="Further fields of the org, each with its CEL expression."
    )

    @model_validator(mode="after")
    def _each_target_once(self) -> Self:
        named = [one.to if isinstance(one, Computed) else one for one in self.fields.values() if one is not None]
        targets = [*named, *self.extra]
        if twice := sorted({name for name in targets if targets.count(name) > 1}):
            raise ValueError(f"writes {', '.join(twice)} more than once: give each field of the org one value")
        return self
