"""What must hold in the Salesforce package beyond its schema; each rule returns what it found wrong, in words.

The rules come from the Metadata API Developer Guide (CustomField, ValueSet, PermissionSet), the Platform Events
Developer Guide (field types of events) and Salesforce's refusals at deployment. They do not
repeat the schema, and they say nothing about whether an org has the features that the package needs.
"""

from collections import Counter
from collections.abc import Callable, Iterator

from tests.support.salesforce_metadata import Node, Package, metadata_schema

NAME_LENGTH = 40  # of a developer name without its __c or __e, and of a label
DESCRIPTION_LENGTH = 1000
HELP_LENGTH = 510
EVENT_FIELD_TYPES = {"Checkbox", "Date", "DateTime", "LongTextArea", "Number", "Text"}
STANDARD_PARENTS = {"Account", "Contact", "Opportunity", "Order"}
NO_AMOUNTS = {"Exchange_Rate__c", "Reporting_Rate__c", "Count__c", "Transaction_Count__c", "Days_Until_Due__c"}
LAYOUT_SYSTEM_FIELDS = {"Name", "OwnerId", "CreatedById", "LastModifiedById"}
FOLDERS = {
    "object": "objects", "field": "fields", "listView": "listViews", "compactLayout": "compactLayouts",
    "globalValueSet": "globalValueSets", "permissionset": "permissionsets", "flow": "flows", "layout": "layouts",
    "tab": "tabs", "notiftype": "notificationtypes", "app": "applications", "flexipage": "flexipages",
    "group": "groups", "report": "reports", "reportFolder": "reports", "reportType": "reportTypes",
    "dashboard": "dashboards", "dashboardFolder": "dashboards", "eca": "externalClientApps",
    "ecaGlblOauth": "extlClntAppGlobalOauthSets",
    "ecaOauth": "extlClntAppOauthSettings", "ecaOauthPlcy": "extlClntAppOauthPolicies",
    "ecaPlcy": "extlClntAppPolicies", "cls": "classes", "js": "lwc", "quickAction": "quickActions",
    "customPermission": "customPermissions", "labels": "labels",
}  # fmt: skip


def schema(package: Package) -> Iterator[str]:
    """Every file is valid against the Metadata API and lies where source deployment looks for it."""
    validator = metadata_schema()
    for path in package.files():
        kind = path.name.removesuffix("-meta.xml").rpartition(".")[2]
        folder = path.parents[1].name if kind in {"object", "report", "dashboard", "js"} else path.parent.name
        if FOLDERS.get(kind) != folder:
            yield f"{path.name} does not belong in {folder}"
    for kind in FOLDERS:
        for name, node in package.named(kind):
            for configs in node.element.findall("{*}targetConfigs"):
                configs.clear()  # XML in source, which the schema knows as the base64 that the CLI makes of it
            if not validator.validate(node.element):
                yield from (f"{name}: line {entry.line}: {entry.message}" for entry in validator.error_log)
            if node.text("fullName") not in {None, name}:
                yield f"{name}: fullName {node.text('fullName')} is not the file name"


def names(package: Package) -> Iterator[str]:
    """Names and labels keep to the lengths of Salesforce."""
    for kind in FOLDERS:
        for name, node in package.named(kind):
            bare = name.removesuffix("__c").removesuffix("__e")
            if kind == "quickAction":
                bare = name.rpartition(".")[2]
            if kind != "layout" and len(bare) > NAME_LENGTH:
                yield f"{name}: name is longer than {NAME_LENGTH}"
            for tag in ("label", "pluralLabel", "masterLabel"):
                if kind != "flow" and len(node.value(tag)) > NAME_LENGTH:
                    yield f"{name}: {tag} is longer than {NAME_LENGTH}"


def fields(package: Package) -> Iterator[str]:
    """Every field explains itself; ids from Stripe are found again by exact spelling; values have bounds."""
    for (parent, name), field in package.fields.items():
        where = f"{parent}.{name}"
        if not 0 < len(field.value("description")) <= DESCRIPTION_LENGTH:
            yield f"{where}: has no description, or one that is too long"
        if not parent.endswith("__e") and not 0 < len(field.value("inlineHelpText")) <= HELP_LENGTH:
            yield f"{where}: has no help text, or one that is too long"
        if field.is_true("externalId") and not (field.is_true("unique") and field.is_true("caseSensitive")):
            yield f"{where}: an external id must be unique and case-sensitive"
        yield from (f"{where}: {problem}" for problem in _type_problems(field))


def _type_problems(field: Node) -> Iterator[str]:
    match field.value("type"):
        case "Text":
            if not 1 <= int(field.value("length") or 0) <= 255:
                yield "length must be 1 to 255"
        case "Number":
            precision, scale = int(field.value("precision") or 0), int(field.value("scale") or -1)
            if not 0 <= scale <= precision <= 18:
                yield "precision and scale do not fit"
        case "Checkbox":
            if field.text("defaultValue") not in {"true", "false"}:
                yield "a checkbox needs a default"


def money(package: Package) -> Iterator[str]:
    """Every amount has three decimals, which is what the widest currency needs, and a currency code beside it."""
    for (parent, name), field in package.fields.items():
        if field.value("type") != "Number" or name in NO_AMOUNTS:
            continue
        if field.value("scale") != "3":
            yield f"{parent}.{name}: an amount needs 3 decimals"
        codes = [n for (p, n), f in package.fields.items() if p == parent and "Currency" in n]
        if not codes:
            yield f"{parent}.{name}: no currency beside the amount"
    for (parent, name), field in package.fields.items():
        if field.value("type") == "Currency":
            yield f"{parent}.{name}: a Currency field has one scale and only the org's currencies"


def lookups(package: Package) -> Iterator[str]:
    """Every lookup has a target, and no parent has two relationships of one name."""
    used: Counter[tuple[str, str]] = Counter()
    for (parent, name), field in package.fields.items():
        if field.value("type") != "Lookup":
            continue
        target = field.value("referenceTo")
        if target not in STANDARD_PARENTS | set(package.objects):
            yield f"{parent}.{name}: refers to {target}, which is not there"
        if field.value("deleteConstraint") != "SetNull" or field.is_true("required"):
            yield f"{parent}.{name}: deleting a parent must empty the lookup"
        used[target, field.value("relationshipName")] += 1
    yield from (f"{target}: relationship {name} is defined twice" for (target, name), n in used.items() if n > 1)


def picklists(package: Package) -> Iterator[str]:
    """Every picklist uses a global value set, which Salesforce always restricts to its values."""
    for (parent, name), field in package.fields.items():
        if field.value("type") != "Picklist":
            continue
        if field.value("valueSet/valueSetName") not in package.value_sets:
            yield f"{parent}.{name}: value set {field.value('valueSet/valueSetName')} is not there"
        if not field.is_true("valueSet/restricted"):
            yield f"{parent}.{name}: a picklist of a global value set is always restricted"
        if field.is_true("required"):
            yield f"{parent}.{name}: a required picklist would refuse a record without a status"
    for name, values in package.value_sets.items():
        if "Unknown" not in values:
            yield f"{name}: has no value for a status it does not know"


def events(package: Package) -> Iterator[str]:
    """Events leave with the commit that caused them, and have only the field types an event may have."""
    for name, node in package.objects.items():
        if not name.endswith("__e"):
            if node.value("sharingModel") != "ReadWrite" or node.value("nameField/type") != "AutoNumber":
                yield f"{name}: must be shared and numbered like the other records"
            continue
        if node.value("publishBehavior") != "PublishAfterCommit" or node.value("eventType") != "HighVolume":
            yield f"{name}: must be a high-volume event that is published after the commit"
        if node.all("nameField") or node.all("sharingModel"):
            yield f"{name}: an event has no name field and no sharing"
        for (parent, field_name), field in package.fields.items():
            if parent == name and field.value("type") not in EVENT_FIELD_TYPES:
                yield f"{name}.{field_name}: an event cannot have a {field.value('type')}"


RULES: dict[str, Callable[[Package], Iterator[str]]] = {
    rule.__name__: rule for rule in (schema, names, fields, money, lookups, picklists, events)
}
