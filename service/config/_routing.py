"""Rules by which a payment finds its record when nothing else tells."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.config._mapping import ApiName


class RoutingRule(BaseModel):
    """A Salesforce record is found by a value of Stripe's: an exact match, in one record only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metadata: str | None = Field(default=None, min_length=1, max_length=40, description="Key of Stripe metadata.")
    customer: Literal["email", "name", "phone"] | None = Field(
        default=None, description="Field of the Stripe customer. People share names and addresses: think twice."
    )
    object: Literal["Account", "Contact", "Opportunity", "Order"] = Field(description="Where to look.")
    field: ApiName = Field(description="The field that holds the same value.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.metadata is None) == (self.customer is None):
            raise ValueError("a routing rule takes its value from 'metadata' or from 'customer': give one of them")
        return self
