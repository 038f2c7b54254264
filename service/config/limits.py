"""What an entity's people may ask for without a second person, and what not at all."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_MOST = Decimal(999999999999)
_Amount = Annotated[Decimal, Field(ge=Decimal("0.001"), le=_MOST, decimal_places=3)]


class Limit(BaseModel):
    """Bounds of one currency. A day is the 24 hours before a request; amounts are in units of the currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    currency: str = Field(pattern=r"^[A-Z]{3}$", description="Amounts of this currency.")
    operations: tuple[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], ...] = Field(
        min_length=1, max_length=40, description="Which operations, such as refund_payment; they share a day."
    )
    amount: _Amount | None = Field(default=None, description="Most that one request may be for.")
    count_per_day: int | None = Field(default=None, ge=1, le=1_000_000, description="Most requests of a day.")
    sum_per_day: _Amount | None = Field(default=None, description="Most that all requests of a day may come to.")
    approval_above: Annotated[Decimal, Field(ge=0, le=_MOST, decimal_places=3)] | None = Field(
        default=None, description="A request for more than this waits for a second person."
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if not any((self.amount, self.count_per_day, self.sum_per_day, self.approval_above is not None)):
            raise ValueError("a limit limits nothing: give amount, count_per_day, sum_per_day or approval_above")
        return self

    def concerns(self, operation: str) -> bool:
        """Tell whether an operation is bound by this."""
        return operation in self.operations
