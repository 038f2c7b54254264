"""Which function answers which address; errors become answers here and nowhere else."""

from collections.abc import Callable

from counterfoil_sandbox.salesforce.api import (
    actions,
    collections,
    composite,
    jobs,
    query,
    query_jobs,
    replication,
    resources,
    sobjects,
    tooling,
    tree,
)
from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.errors import ApiError, not_found, not_imitated
from counterfoil_sandbox.salesforce.org import Org

Handler = Callable[[Org, Call], Answer]

_NOT_IMITATED = frozenset(
    "search parameterizedSearch tooling actions process analytics connect chatter wave support commerce "
    "consent quickActions compactLayouts recent tabs theme knowledgeManagement licensing async-queries "
    "ui-api graphql metadata payments eventlogfile localizedvalue asyncjob".lower().split()
)
_OF_AN_OBJECT = frozenset(("approvallayouts", "compactlayouts", "layouts", "listviews", "quickactions"))
# None stands for any one segment.
_ROUTES: tuple[tuple[tuple[str | None, ...], dict[str, Handler]], ...] = (
    ((), {"GET": resources.list_resources}),
    (("limits",), {"GET": resources.limits}),
    (("query",), {"GET": query.run}),
    (("queryall",), {"GET": query.run_all}),
    (("query", None), {"GET": query.more}),
    (("queryall", None), {"GET": query.more}),
    (("tooling", "query"), {"GET": tooling.query}),
    (("sobjects",), {"GET": sobjects.list_objects}),
    (("sobjects", None), {"GET": sobjects.basic, "POST": sobjects.create}),
    (("sobjects", None, "describe"), {"GET": sobjects.describe}),
    (("sobjects", None, "updated"), {"GET": replication.updated}),
    (("sobjects", None, "deleted"), {"GET": replication.deleted}),
    (("sobjects", None, None), {"GET": sobjects.get, "PATCH": sobjects.update, "DELETE": sobjects.delete}),
    (
        ("sobjects", None, None, None),
        {"GET": sobjects.get_by_key, "PATCH": sobjects.upsert, "DELETE": sobjects.delete_by_key},
    ),
    (
        ("composite", "sobjects"),
        {"POST": collections.create, "PATCH": collections.update, "DELETE": collections.delete},
    ),
    (("actions", "standard", "customnotificationaction"), {"POST": actions.send_notifications}),
    (("composite", "sobjects", None), {"GET": collections.retrieve, "POST": collections.retrieve}),
    (("composite", "sobjects", None, None), {"PATCH": collections.upsert}),
    (("composite", "tree", None), {"POST": tree.create}),
    (("jobs", "query"), {"GET": query_jobs.listed, "POST": query_jobs.create}),
    (("jobs", "query", None), {"GET": query_jobs.get, "PATCH": query_jobs.update, "DELETE": query_jobs.delete}),
    (("jobs", "query", None, "results"), {"GET": query_jobs.results}),
    (("jobs", "ingest"), {"GET": jobs.listed, "POST": jobs.create}),
    (("jobs", "ingest", None), {"GET": jobs.get, "PATCH": jobs.update, "DELETE": jobs.delete}),
    (("jobs", "ingest", None, "batches"), {"PUT": jobs.upload}),
    (("jobs", "ingest", None, "successfulresults"), {"GET": jobs.successful}),
    (("jobs", "ingest", None, "failedresults"), {"GET": jobs.failed}),
    (("jobs", "ingest", None, "unprocessedrecords"), {"GET": jobs.unprocessed}),
)


class Dispatcher:
    """Answers calls on one org; composite requests come back here for each subrequest."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def answer(self, call: Call) -> Answer:
        """Return the answer of a call, whatever goes wrong that a client could meet."""
        try:
            return self.perform(call)
        except ApiError as error:
            return Answer(error.status, error.body())

    def perform(self, call: Call) -> Answer:
        """Answer a call.

        Raises:
            ApiError: the answer is an error.
        """
        folded = tuple(segment.lower() for segment in call.segments)
        if folded == ("composite",):
            return composite.composite(self, call)
        if folded == ("composite", "batch"):
            return composite.batch(self, call)
        if folded == ("composite", "graph"):
            return composite.graph(self, call)
        if folded[:1] == ("sobjects",) and set(folded[2:]) & _OF_AN_OBJECT:
            raise not_imitated(f"the resource /{'/'.join(call.segments)}")
        for pattern, handlers in _ROUTES:
            if _matches(pattern, folded):
                return self._call(handlers, call)
        if folded and folded[0] in _NOT_IMITATED:
            raise not_imitated(f"the resource /{'/'.join(call.segments[:2])}")
        raise not_found()

    def _call(self, handlers: dict[str, Handler], call: Call) -> Answer:
        handler = handlers.get("GET" if call.method == "HEAD" else call.method)
        if handler is None:
            allowed = ",".join(sorted([*handlers, "HEAD"] if "GET" in handlers else handlers))
            raise ApiError(
                "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed. Allowed are {allowed}", status=405
            )
        return handler(self.org, call)


def _matches(pattern: tuple[str | None, ...], segments: tuple[str, ...]) -> bool:
    return len(pattern) == len(segments) and all(
        want is None or want == have for want, have in zip(pattern, segments, strict=True)
    )
