"""Change rules: what is asked of Stripe when a record changes, without anybody publishing an event.

A rule looks at the record as it is, never at what an event said of it: a change event carries no formula fields, and
after a gap there is no event at all. So a rule holds for every record that is in the state it names, and `not_before`
keeps it from those that came into that state before the rule was wanted.
"""

from datetime import UTC, date, datetime, time
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.config._mapping import ApiName

Turn = Literal["won", "activated"]
ChangedObject = Literal["Opportunity", "Order"]
# Whose records a turn is of.
OBJECT_OF: dict[Turn, ChangedObject] = {"won": "Opportunity", "activated": "Order"}
OnChange = Annotated[
    Literal["conflict", "new_version"],
    Field(
        description="When a record has another amount, currency or Account than its payment was asked for: conflict "
        "shows both amounts on it; new_version calls off what nobody has paid yet and asks anew."
    ),
]
_Plain = Annotated[str, Field(max_length=255)] | bool | int | None
_Word = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z][a-z0-9_]*$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Ask(_Frozen):
    """What is asked for: the same request as a platform event makes."""

    operation: _Word = Field(description="As Operation__c of a request, such as create_payment.")
    arguments: dict[_Word, Annotated[str, Field(min_length=1, max_length=255)]] = Field(
        default_factory=dict, max_length=20, description="As of the API, such as method: off_session."
    )
    fields: dict[_Word, ApiName] = Field(
        default_factory=dict, max_length=20, description="Arguments whose value is in a field of the record, if it is."
    )


class ChangeRule(_Frozen):
    """One rule: when, if, ask."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")] = Field(description="For logs and refusals.")
    when: Turn = Field(
        description="won: an Opportunity whose IsWon is true. activated: an Order whose StatusCode is Activated."
    )
    not_before: date = Field(
        description="Records that were won or activated before this day (UTC) are never asked for. "
        "By LastStageChangeDate and ActivatedDate."
    )
    condition: dict[ApiName, _Plain | tuple[_Plain, ...]] = Field(
        default_factory=dict,
        alias="if",
        max_length=20,
        description="Fields of the record, each with the value, or one of the values, that it must have; null: empty.",
    )
    entity: str | None = Field(default=None, description="Who asks; may be left out in an org of one entity.")
    ask: Ask = Field(description="What is asked for then.")
    version: tuple[ApiName, ...] = Field(
        default=(),
        max_length=5,
        description="Fields that tell one business version from the next: other values ask anew. Without any, a record "
        "is asked for once, and `on_change` of the entity says what a later change of its amount is.",
    )

    @model_validator(mode="after")
    def _each_argument_once(self) -> Self:
        if twice := sorted(set(self.ask.arguments) & set(self.ask.fields)):
            raise ValueError(f"ask gives {', '.join(twice)} twice: as an argument or from a field")
        return self

    @property
    def sobject(self) -> ChangedObject:
        """Whose records it is about."""
        return OBJECT_OF[self.when]

    @property
    def begins_at(self) -> datetime:
        """The moment before which nothing is asked for."""
        return datetime.combine(self.not_before, time(), UTC)

    @property
    def record_fields(self) -> tuple[str, ...]:
        """The fields of the record that it names, once each."""
        return tuple(dict.fromkeys((*self.condition, *self.ask.fields.values(), *self.version)))


CHANGE_TOPICS = "/data/"
_OF_ALL = "/data/ChangeEvents"
_CHANNEL = "__chn"


def topics_with_changes(topics: tuple[str, ...], rules: tuple[ChangeRule, ...]) -> tuple[str, ...]:
    """Return the topics to read: those that are named, and those of the rules' objects unless a channel brings them."""
    if any(topic == _OF_ALL or (topic.startswith(CHANGE_TOPICS) and topic.endswith(_CHANNEL)) for topic in topics):
        return topics
    return tuple(dict.fromkeys((*topics, *(f"{CHANGE_TOPICS}{rule.sobject}ChangeEvent" for rule in rules))))


def check_rules(place: str, rules: tuple[ChangeRule, ...], entities: tuple[str, ...]) -> None:
    """Refuse rules that contradict each other or name an entity that an org does not serve.

    Raises:
        ValueError: naming the place and the remedy.
    """
    known: set[str] = set()
    for number, rule in enumerate(rules):
        where = f"{place}.{number}"
        if rule.name in known:
            raise ValueError(f"{where}.name {rule.name!r} is used twice: each rule needs a name of its own")
        known.add(rule.name)
        if rule.entity is None and len(entities) != 1:
            raise ValueError(f"{where}.entity is missing: the org serves {len(entities)} entities, name one")
        if rule.entity is not None and rule.entity not in entities:
            raise ValueError(f"{where}.entity names {rule.entity!r}: no entity of this org")
