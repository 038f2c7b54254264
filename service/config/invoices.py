"""How an entity's invoices are made; a door of its own, next to the installation's file that it is a part of."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Invoices"]


class Invoices(BaseModel):
    """How invoices that are asked for are made, unless a request says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    collection_method: Literal["send_invoice", "charge_automatically"] = Field(
        default="send_invoice", description="Mailed to be paid, or charged to the saved payment method."
    )
    days_until_due: int = Field(default=30, ge=0, le=3650, description="Of invoices that are mailed.")
    tax_rates: tuple[Annotated[str, Field(pattern=r"^txr_[A-Za-z0-9]{1,100}$")], ...] = Field(
        default=(), max_length=5, description="Stripe's tax rates for every line."
    )
    automatic_tax: bool = Field(
        default=False, description="Stripe Tax works the tax out; it needs the customer's address."
    )
    tax_behavior: Literal["exclusive", "inclusive"] | None = Field(
        default=None, description="Automatic tax comes on top, or is inside. Default: as set in Stripe Tax."
    )

    @model_validator(mode="after")
    def _one_way_to_tax(self) -> Self:
        if self.automatic_tax and self.tax_rates:
            raise ValueError("automatic_tax and tax_rates exclude each other: give one of them")
        return self
