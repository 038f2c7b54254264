"""The platform event carries whatever can be asked for, and says which operations there are."""

import re

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


def test_every_operation_can_be_asked_for_by_button_and_in_apex() -> None:
    main = SOURCE / "force-app" / "main" / "default"
    permitted = (main / "classes" / "CounterfoilPublisher.cls").read_text()
    assert set(re.findall(r"'(\w+)' => [A-Z_]+", permitted)) == set(OPERATIONS)
    forms = (main / "lwc" / "counterfoilRequest" / "operations.js").read_text()
    assert set(re.findall(r"^    (\w+): \{", forms, re.MULTILINE)) == set(OPERATIONS)
    opened = {re.findall(r'operation="(\w+)"', path.read_text())[0] for path in main.glob("lwc/*/*.html")
              if 'operation="' in path.read_text()}  # fmt: skip
    assert opened == set(OPERATIONS)


def test_words_of_the_forms_are_words_that_are_taken() -> None:
    """A choice of a form that the service did not know would be refused only after somebody had made it."""
    forms = (SOURCE / "force-app/main/default/lwc/counterfoilRequest/operations.js").read_text()
    constants = dict(re.findall(r"const (\w+) = option\([^,]+, '(\w*)'\)", forms))
    blocks = re.split(r"^    (\w+): \{", forms.partition("export const OPERATIONS")[2], flags=re.MULTILINE)[1:]
    checked = 0
    for operation, block in zip(blocks[::2], blocks[1::2], strict=True):
        choices = re.findall(r"(?:choice\(\s*'(\w+)'|(reasons)\()((?:.|\n)*?)(?=choice\(|reasons\(|\n    \}|$)", block)
        for name, _, options in choices:
            argument = {"": "reason", "advanceTo": "advance_to", "creditTo": "credit_to"}.get(name, name)
            words = re.findall(r"option\([^,]+, '(\w+)'\)", options)
            words += [
                value for constant, value in constants.items() if re.search(rf"\b{constant}\b", options) and value
            ]
            for word in words:
                assert OPERATIONS[operation].arguments[argument](word) == word
                checked += 1
    assert checked > 15
