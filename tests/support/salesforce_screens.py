"""Whether what people open in Salesforce fits together: reports, report types, dashboards, pages, apps and groups.

As far as the package itself can tell. That Salesforce makes a report type `CustomEntity$Object` for every custom object
with reports, and calls its columns `Object.Field`, is taken as known, as are the components of Lightning pages.
"""

import re
from collections.abc import Callable, Iterator

from tests.support.salesforce_metadata import Node, Package

NAME_COLUMN = "CUST_NAME"  # what reports call the name of a custom object
PARTS = {"tab", "layout", "compactLayout", "listView"}
REPORT_NAME, REPORT_DESCRIPTION = 40, 255
STANDARD_TABS = {f"standard-{name}" for name in ("Account", "Opportunity", "Order", "report", "Dashboard")}


def parts(package: Package) -> Iterator[str]:
    """Every custom object can be opened: it has a tab, a layout, a compact layout and a list view of all."""
    has = {
        "tab": {name for name, _ in package.named("tab")},
        "layout": {name.partition("-")[0] for name, _ in package.named("layout")},
        "compactLayout": {owner for owner, _, _ in package.under_objects("compactLayout")},
        "listView": {owner for owner, name, _ in package.under_objects("listView") if name == "All"},
    }
    for name in package.objects:
        if name.endswith("__c"):
            yield from (f"{name} has no {part}" for part in sorted(PARTS) if name not in has[part])


def related(package: Package) -> Iterator[str]:
    """The layout of a parent lists its children, by every lookup between objects of the package."""
    layouts = {name.partition("-")[0]: layout for name, layout in package.named("layout")}
    for (child, name), field in package.fields.items():
        parent = layouts.get(field.value("referenceTo"))
        if parent is not None and f"{child}.{name}" not in parent.texts("relatedLists/relatedList"):
            yield f"the layout of {field.value('referenceTo')} does not list {child}.{name}"


def reports(package: Package) -> Iterator[str]:
    """Reports show fields that exist, and add up amounts of one currency only."""
    for name, report in package.named("report"):
        owner = report.value("reportType").removeprefix("CustomEntity$")
        if owner not in package.objects or not package.objects[owner].is_true("enableReports"):
            yield f"report {name} is of {owner}, which is not there or has no reports"
            continue
        if not 0 < len(report.value("name")) <= REPORT_NAME or len(report.value("description")) > REPORT_DESCRIPTION:
            yield f"report {name}: name or description is too long"
        shown, groups = report.texts("columns/field"), report.texts("groupingsDown/field")
        filtered = report.texts("filter/criteriaItems/column")
        for column in [*shown, *groups, *filtered, report.value("timeFrameFilter/dateColumn")]:
            parent, _, field = column.partition(".")
            if column != NAME_COLUMN and (parent != owner or (owner, field) not in package.fields):
                yield f"report {name}: {column} is not there"
        yield from (f"report {name}: {column} is shown and grouped by" for column in set(shown) & set(groups))
        yield from (f"report {name}: {problem}" for problem in _sums(package, owner, report, groups))
        drawn = [report.value("chart/groupingColumn"), report.value("chart/secondaryGroupingColumn")]
        yield from (f"report {name}: the chart needs {column}" for column in drawn if column and column not in groups)


def _sums(package: Package, owner: str, report: Node, groups: list[str]) -> Iterator[str]:
    """An amount says which field has its currency; that must be a grouping where the amount is added up."""
    labels = {n: node.value("label") for (parent, n), node in package.fields.items() if parent == owner}
    grouped = {labels.get(group.partition(".")[2]) for group in groups}
    for column in report.all("columns"):
        field = package.fields.get((owner, column.value("field").partition(".")[2]))
        if field is None or not column.all("aggregateTypes"):
            continue
        unit = re.search(r"major units of ((?:[A-Z]\w*)(?: [A-Z]\w*)*)", field.value("description"))
        if field.value("type") != "Number" or unit is None or unit.group(1) not in grouped:
            yield f"{column.value('field')} is added up across currencies"


def folders(package: Package) -> Iterator[str]:
    """Reports and dashboards are in folders that are there, and shared with a group for reading."""
    groups = {group for group, _ in package.named("group")}
    for kind in ("report", "dashboard"):
        found = dict(package.named(f"{kind}Folder"))
        used = {path.parent.name for path in package.files(kind)}
        yield from (f"{kind} folder {name} is not there" for name in sorted(used - set(found)))
        for name, folder in found.items():
            shared = folder.texts("folderShares/sharedTo")
            if not shared or not set(shared) <= groups:
                yield f"{name} is shared with nobody, or with a group that is not there"
            if set(folder.texts("folderShares/accessLevel")) - {"View"}:
                yield f"{name}: those it is shared with may change it"


def report_types(package: Package) -> Iterator[str]:
    """Report types join objects by lookups that exist and offer fields that exist, all of them."""
    for name, kind in package.named("reportType"):
        base, relation = kind.value("baseObject"), kind.value("join/relationship")
        child = _children(package, base).get(relation)
        if base not in package.objects or child is None:
            yield f"report type {name}: {base} has no {relation}"
            continue
        tables = {base: base, f"{base}.{relation}": child}
        offered = {(column.value("table"), column.value("field")) for section in kind.all("sections")
                   for column in section.all("columns")}  # fmt: skip
        there = {(table, field) for table, owner in tables.items()
                 for field in ["Name", *(n for parent, n in package.fields if parent == owner)]}  # fmt: skip
        yield from (f"report type {name}: {table} {field} is not there" for table, field in sorted(offered - there))
        yield from (f"report type {name} does not offer {table} {field}" for table, field in sorted(there - offered))


def dashboards(package: Package) -> Iterator[str]:
    """Dashboards show charts of reports that are there, to each user what this user may see."""
    charted = {f"{path.parent.name}/{path.name.split('.')[0]}" for path in package.files("report")}
    for name, dashboard in package.named("dashboard"):
        shown = dashboard.texts("dashboardGridLayout/dashboardGridComponents/dashboardComponent/report")
        yield from (f"dashboard {name}: report {report} is not there" for report in shown if report not in charted)
        if dashboard.value("dashboardType") != "LoggedInUser" or dashboard.all("runningUser"):
            yield f"dashboard {name} shows everybody what one user may see"


def pages(package: Package) -> Iterator[str]:
    """Pages list children by relationships and fields that exist, and each part of a page is used."""
    for name, page in package.named("flexipage"):
        children = _children(package, page.value("sobjectType"))
        facets = [node.value("name") for node in page.all("flexiPageRegions") if node.value("type") == "Facet"]
        used = []
        for component in (Node(node) for node in page.element.iter("{*}componentInstance")):
            settings = {item.value("name"): item for item in component.all("componentInstanceProperties")}
            used += [settings[key].value("value") for key in ("body", "tabs") if key in settings]
            if "relatedListApiName" in settings:
                child = children.get(settings["relatedListApiName"].value("value"), "")
                aliases = settings["relatedListFieldAliases"].texts("valueList/valueListItems/value")
                for alias in aliases:
                    if alias != "NAME" and (child, alias) not in package.fields:
                        yield f"page {name}: {child or 'a child that is not there'}.{alias} is not there"
        if sorted(facets) != sorted(used):
            yield f"page {name}: the facets are not those that are used"


def apps(package: Package) -> Iterator[str]:
    """Apps have tabs and pages that are there, and permission sets show apps that are there."""
    found = dict(package.named("flexipage"))
    tabs = {tab for tab, _ in package.named("tab")} | STANDARD_TABS
    for name, app in package.named("app"):
        yield from (f"app {name}: tab {tab} is not there" for tab in app.texts("tabs") if tab not in tabs)
        for override in app.all("actionOverrides"):
            target = found.get(override.value("content"))
            if target is None or target.value("sobjectType") != override.value("pageOrSobjectType"):
                yield f"app {name}: page {override.value('content')} is not there, or of another object"
    known = {name for name, _ in package.named("app")}
    for name, granted in package.named("permissionset"):
        named = granted.texts("applicationVisibilities/application")
        yield from (f"{name}: app {app} is not there" for app in named if app not in known)


def _children(package: Package, parent: str) -> dict[str, str]:
    """Return the child object by the name of its relationship to `parent`."""
    return {
        f"{field.value('relationshipName')}__r": child
        for (child, _), field in package.fields.items()
        if field.value("referenceTo") == parent
    }


SCREENS: dict[str, Callable[[Package], Iterator[str]]] = {
    rule.__name__: rule for rule in (parts, related, reports, folders, report_types, dashboards, pages, apps)
}
