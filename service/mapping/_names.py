"""What an org calls our objects and fields."""

from collections.abc import Mapping

from service.config import Computed, ObjectMapping

# By our object name.
Names = Mapping[str, ObjectMapping]
# Before the name of a field that is the org's already; no API name begins with it.
THEIRS = "="


def object_name(names: Names, sobject: str) -> str:
    """Return what the org calls one of our objects."""
    mapping = names.get(sobject)
    return (mapping.object if mapping else None) or sobject


def is_enabled(names: Names, sobject: str) -> bool:
    """Tell whether the org wants records of an object."""
    mapping = names.get(sobject)
    return mapping is None or mapping.enabled


def field_name(names: Names, sobject: str, field: str) -> str | None:
    """Return what the org calls a field of a record; None when it leaves the field out."""
    if field.startswith(THEIRS):
        return field.removeprefix(THEIRS)
    mapping = names.get(sobject)
    name = mapping.fields.get(field, field) if mapping else field
    return name.to if isinstance(name, Computed) else name


def is_custom(names: Names, sobject: str) -> bool:
    """Tell whether the org keeps an object of ours in a custom object."""
    return object_name(names, sobject).endswith("__c")
