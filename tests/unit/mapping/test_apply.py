"""A mapping made our records an org's own: worked out fields, objects it does not keep, and what counts as changed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from service.config import Computed, Installation, ObjectMapping
from service.domain import DesiredRecord, Reference
from service.errors import ConfigurationError
from service.maintenance import verify_mappings
from service.mapping import Names, apply, mapping_version

PAYMENT = Reference("Payment__c", "Stripe_Id__c", "pi_1")
CHARGE = DesiredRecord(
    "main",
    "Charge__c",
    "Stripe_Id__c",
    "ch_1",
    {"Payment__c": PAYMENT, "Amount__c": Decimal("5.000"), "Card_Brand__c": "visa"},
    "pi_1",
    1,
    PAYMENT,
)


def mapped(names: Names, body: dict[str, object] | None = None) -> DesiredRecord:
    (record,) = apply(names, [CHARGE], {"ch_1": body}, version=mapping_version(names))
    return record


def test_without_a_mapping_nothing_changes() -> None:
    assert mapped({}) == CHARGE


def test_a_worked_out_field_stands_for_ours_and_extra_ones_besides() -> None:
    names = {
        "Charge__c": ObjectMapping(
            fields={"Amount__c": Computed(to="Sum__c", value="multiply(ours.Amount__c, 2)")},
            extra={"Key__c": "ours.Stripe_Id__c + ' ' + stripe.metadata.po"},
        )
    }
    fields = mapped(names, {"metadata": {"po": "77"}}).fields
    assert fields["=Sum__c"] == Decimal("10.000")
    assert fields["=Key__c"] == "ch_1 77"
    assert "Amount__c" not in fields


def test_an_object_the_org_does_not_keep_is_not_sent_and_not_looked_up() -> None:
    off = ObjectMapping(enabled=False)
    assert not mapped({"Charge__c": off}).enabled
    orphan = mapped({"Payment__c": off})
    assert orphan.enabled
    assert orphan.parent is None
    assert "Payment__c" not in orphan.fields


@pytest.mark.parametrize(
    ("names", "changes"),
    [
        ({"Charge__c": ObjectMapping(object="Attempt__c")}, True),
        ({"Charge__c": ObjectMapping(fields={"Card_Brand__c": None})}, True),
        ({"Charge__c": ObjectMapping(fields={"Stripe_Id__c": "Key__c"})}, True),
        ({"Payment__c": ObjectMapping(fields={"Stripe_Id__c": "Key__c"})}, True),
        ({"Charge__c": ObjectMapping(enabled=False)}, True),
        ({"Charge__c": ObjectMapping(fields={"Captured__c": "Taken__c"})}, False),
        ({"Payment__c": ObjectMapping(fields={"Fee__c": "Cost__c"})}, False),
        ({"Refund__c": ObjectMapping(enabled=False)}, False),
    ],
)
def test_only_what_a_mapping_changes_is_other_content(names: Names, changes: bool) -> None:
    record = mapped(names)
    assert (record.digest() != CHARGE.digest()) is changes
    assert record.mapping == mapping_version(names) != ""


def test_the_version_is_of_the_content() -> None:
    names = {"Charge__c": ObjectMapping(object="Attempt__c")}
    assert mapping_version(names) == mapping_version(dict(names))
    assert mapping_version(names) != mapping_version({"Charge__c": ObjectMapping(object="Try__c")})
    assert mapping_version({}) == mapping_version({"Charge__c": ObjectMapping()}) == ""


@pytest.mark.parametrize(
    ("sobject", "mapping", "place", "fault"),
    [
        ("Payment__c", {"fields": {"Amuont__c": "Sum__c"}}, "Payment__c.fields.Amuont__c", "no field of our"),
        ("Paymnet__c", {"object": "X__c"}, "Paymnet__c", "no object of ours"),
        ("Payment__c", {"extra": {"X__c": "ours.Amuont__c"}}, "Payment__c.extra.X__c", "Amuont__c is no field"),
        ("Payment__c", {"extra": {"X__c": "ours.Amount__c + 1"}}, "Payment__c.X__c", "does not fit a record"),
        ("Payment__c", {"extra": {"X__c": "1.5"}}, "Payment__c.X__c", "binary fraction"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused_at_start(
    installation: Installation, sobject: str, mapping: dict[str, object], place: str, fault: str
) -> None:
    wrong = installation.model_copy(update={"mappings": {"main": {sobject: ObjectMapping.model_validate(mapping)}}})
    with pytest.raises(ConfigurationError) as refused:
        verify_mappings(wrong)
    assert refused.value.field == f"mappings.main.{place}"
    assert fault in refused.value.fault
    assert refused.value.remedy


def test_a_mapping_that_works_is_not_refused(installation: Installation) -> None:
    mapping = ObjectMapping(extra={"X__c": "round(multiply(ours.Amount__c, '0.19'), 2)", "Y__c": "stripe.absent"})
    verify_mappings(installation.model_copy(update={"mappings": {"main": {"Payment__c": mapping}}}))


def test_a_record_that_was_made_before_keeps_its_digest() -> None:
    assert replace(CHARGE, mapping="other").digest() == CHARGE.digest()
