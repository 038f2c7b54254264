"""Which fields of an Account or Contact its Stripe customer is kept by.

The names are the org's own. What Stripe's customers carry of ours cannot be written by a mapping.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from service.config._mapping import ApiName

# Keys under which the service itself writes to Stripe's metadata begin so, or are these.
_OURS = ("counterfoil_", "salesforce_", "traceparent")
_MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,40}$")]
_ADDRESS = "Its address: the fields that begin so, such as {}Street and {}City. null: the address is left alone."


class CustomerFields(BaseModel):
    """Stripe's field of a customer to the field of the record; null leaves Stripe's alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ApiName | None = Field(default="Name", description="Name of the customer, as invoices show it.")
    email: ApiName | None = Field(default=None, description="Where Stripe sends receipts and invoices.")
    phone: ApiName | None = Field(default="Phone", description="Phone number, of at most 20 characters.")
    description: ApiName | None = Field(default=None, description="Shown in Stripe's dashboard only.")
    metadata: dict[_MetadataKey, ApiName] = Field(
        default_factory=dict, max_length=20, description="Key of Stripe metadata to the field whose value it carries."
    )

    @model_validator(mode="after")
    def _keys_are_free(self) -> "CustomerFields":
        if taken := sorted(key for key in self.metadata if key.startswith(_OURS)):
            raise ValueError(f"metadata names {', '.join(taken)}: keys of this kind are the service's own")
        return self

    @property
    def prefix(self) -> str | None:
        """How the names of the fields of the address begin."""
        found: str | None = getattr(self, "address", None)
        return found


class AccountFields(CustomerFields):
    """A customer that stands for an Account; an Account has no e-mail address of its own."""

    address: Literal["Billing", "Shipping"] | None = Field(
        default="Billing", description=_ADDRESS.format("Billing", "Billing")
    )


class ContactFields(CustomerFields):
    """A customer that stands for a Contact."""

    email: ApiName | None = Field(default="Email", description="Where Stripe sends receipts and invoices.")
    address: Literal["Mailing", "Other"] | None = Field(
        default="Mailing", description=_ADDRESS.format("Mailing", "Mailing")
    )


class Customers(BaseModel):
    """What sync_customer keeps a customer by, for each kind of record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: AccountFields = Field(default=AccountFields(), description="Of an Account.")
    contact: ContactFields = Field(default=ContactFields(), description="Of a Contact.")

    def of(self, sobject: str) -> CustomerFields:
        """Return the fields for "Account" or "Contact"."""
        return self.account if sobject == "Account" else self.contact
