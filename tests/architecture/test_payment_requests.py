"""The platform event carries whatever can be asked for, and says which operations there are."""

from lxml import etree  # type: ignore[import-untyped]

from service.commands import OPERATIONS
from service.commands._events import FIELDS
from service.commands.approvals import APPROVAL_FIELDS, APPROVAL_TOPIC
from tests.support.salesforce_metadata import METADATA_NS, SOURCE

EVENT = SOURCE / "force-app" / "main" / "default" / "objects" / "Payment_Request__e" / "fields"


def _description(field: str) -> str:
    tree = etree.parse(EVENT / f"{field}.field-meta.xml")
    return str(tree.findtext(f"{{{METADATA_NS}}}description"))


def test_every_argument_has_its_field() -> None:
    assert {path.name.split(".")[0] for path in EVENT.iterdir()} >= set(FIELDS.values())


def test_an_approval_has_the_fields_that_are_read() -> None:
    approval = EVENT.parents[1] / APPROVAL_TOPIC.rsplit("/", maxsplit=1)[-1] / "fields"
    assert {path.name.split(".")[0] for path in approval.iterdir()} == APPROVAL_FIELDS


def test_every_operation_is_named_by_the_field() -> None:
    assert [name for name in OPERATIONS if name not in _description("Operation__c")] == []
