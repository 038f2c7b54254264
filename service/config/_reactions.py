"""Reactions: what is done in Salesforce when something happens to money, by rules that are checked before any start."""

from decimal import Decimal
from string import Template
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from service.config._mapping import ApiName

Happening = Literal[
    "payment_paid",
    "payment_failed",
    "payment_refunded",
    "dispute_opened",
    "dispute_due_soon",
    "dispute_won",
    "dispute_lost",
    "refund_failed",
    "payout_failed",
]
RECORD_OWNER = "record_owner"
# What a text may name: ${amount} and so on.
PLACEHOLDERS = frozenset(
    {"amount", "currency", "due_at", "entity", "object_id", "payment_id", "reason", "status", "stripe_status"}
)
_DUE_SOON = "dispute_due_soon"
_UserId = Annotated[str, Field(pattern=r"^005[A-Za-z0-9]{15}$")]
_Person = Annotated[str, Field(pattern=r"^(record_owner|005[A-Za-z0-9]{15})$")]
_Recipient = Annotated[str, Field(pattern=r"^(record_owner|00[5G][A-Za-z0-9]{15})$")]


def _known_placeholders(text: str) -> str:
    template = Template(text)
    if not template.is_valid():
        raise ValueError("has a '$' that begins no placeholder: write '$$' for the sign itself")
    if strangers := sorted(set(template.get_identifiers()) - PLACEHOLDERS):
        raise ValueError(f"names {', '.join(strangers)}: a text may name {', '.join(sorted(PLACEHOLDERS))}")
    return text


_CHECKED = AfterValidator(_known_placeholders)
Text = Annotated[str, Field(min_length=1, max_length=1000), _CHECKED]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Condition(_Frozen):
    """What must hold besides; everything that is given must."""

    amount_at_least: Decimal | None = Field(
        default=None,
        ge=Decimal("0.001"),
        le=Decimal(999_999_999_999),
        description="Smallest amount, in major units of the one currency that 'currency' names.",
    )
    currency: tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...] = Field(
        default=(), max_length=50, description="Currencies it holds for; all without it."
    )
    entity: tuple[str, ...] = Field(default=(), max_length=200, description="Entities it holds for; all without it.")

    @model_validator(mode="after")
    def _amount_of_one_currency(self) -> Self:
        if self.amount_at_least is not None and len(self.currency) != 1:
            raise ValueError("amount_at_least means nothing without a currency: name exactly one in 'currency'")
        return self


class MakeTask(_Frozen):
    """A task, made once; what people do to it stays."""

    subject: Text = Field(description="What stands in the list of tasks; Salesforce keeps 255 characters.")
    description: Text | None = Field(default=None, description="What there is to know and to do.")
    owner: _Person = Field(default=RECORD_OWNER, description="'record_owner', or the 18-character id of a user.")
    otherwise: _UserId | None = Field(
        default=None, description="User where there is no record to have an owner; default: the integration user."
    )
    due_in_days: int = Field(default=0, ge=0, le=365, description="Days from the change to the due date; 0: that day.")
    priority: Literal["High", "Normal", "Low"] = Field(default="Normal", description="As Salesforce shows it.")


class SendNotification(_Frozen):
    """A custom notification; sent once, and again only when the answer was lost."""

    title: Text = Field(description="First line; Salesforce keeps 250 characters.")
    body: Text = Field(description="What happened; Salesforce keeps 750 characters.")
    recipients: tuple[_Recipient, ...] = Field(
        min_length=1, max_length=100, description="'record_owner', and ids of users and groups."
    )
    type: ApiName = Field(default="Counterfoil_Payment_Alert", description="Developer name of the notification type.")


class PublishEvent(_Frozen):
    """A platform event Payment_Outcome__e; published at least once, with the same Key__c each time."""

    message: Text | None = Field(default=None, description="A text for listeners; Message__c keeps 255 characters.")


class Deed(_Frozen):
    """What is done: exactly one of these."""

    task: MakeTask | None = Field(default=None, description="A task for the owner of the record, or for a user.")
    notification: SendNotification | None = Field(default=None, description="A notification on desktop and phone.")
    event: PublishEvent | None = Field(default=None, description="A platform event, for Flows and Apex.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(one is not None for one in (self.task, self.notification, self.event)) != 1:
            raise ValueError("does one thing: give 'task', 'notification' or 'event', and write a rule for each")
        return self


class Reaction(_Frozen):
    """One rule: when, if, do."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(
        description="Part of the key by which each change is reacted to once: a new name reacts anew."
    )
    when: Happening = Field(description="What happened to money.")
    days_before: int | None = Field(default=None, ge=1, le=60, description="Of dispute_due_soon: how early to tell.")
    condition: Condition = Field(default=Condition(), alias="if", description="What must hold besides.")
    do: Deed = Field(description="What is done then.")
    not_older_than_days: int = Field(
        default=7, ge=1, le=365, description="Older changes, such as those of a first import, are only recorded."
    )

    @model_validator(mode="after")
    def _days_where_they_belong(self) -> Self:
        if (self.when == _DUE_SOON) != (self.days_before is not None):
            raise ValueError(f"days_before belongs to 'when: {_DUE_SOON}', which needs it")
        return self
