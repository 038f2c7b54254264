"""Versions, the list of resources, and limits."""

from typing import Any

from counterfoil_sandbox.salesforce.api.call import Answer, Call
from counterfoil_sandbox.salesforce.org import Org

FIRST_VERSION, LAST_VERSION = 31, 68
RETIRED = range(7, FIRST_VERSION)
_SEASONS = ("Spring", "Summer", "Winter")
_SPRING_24 = 60
_RESOURCES = ("composite", "jobs", "limits", "query", "queryAll", "sobjects")


def versions() -> list[dict[str, str]]:
    """Return what ``GET /services/data`` answers to anyone."""
    return [
        {"label": _label(number), "url": f"/services/data/v{number}.0", "version": f"{number}.0"}
        for number in range(FIRST_VERSION, LAST_VERSION + 1)
    ]


def _label(number: int) -> str:
    """Return the release's name; three a year, Winter being named after the year to come."""
    years, season = divmod(number - _SPRING_24, len(_SEASONS))
    name = _SEASONS[season]
    year = 24 + years + (name == "Winter")
    return f"{name} '{year}"


def list_resources(_org: Org, call: Call) -> Answer:
    """``GET /services/data/vNN.0``: what the sandbox imitates."""
    return Answer(200, {name: f"{call.base}/{name}" for name in _RESOURCES})


def limits(org: Org, _call: Call) -> Answer:
    """``GET /limits``; asking counts as a call."""

    def entry(maximum: int, used: int = 0) -> dict[str, Any]:
        return {"Max": maximum, "Remaining": max(maximum - used, 0)}

    return Answer(
        200,
        {
            "DailyApiRequests": entry(org.daily_requests, org.api_calls),
            "DailyBulkApiBatches": entry(15_000),
            "DailyBulkV2QueryJobs": entry(10_000),
            "DailyDeliveredPlatformEvents": entry(org.bus.deliveries_limit, org.bus.deliveries),
            "HourlyPublishedPlatformEvents": entry(250_000, org.events.published),
            "DataStorageMB": entry(5),
        },
    )


def limit_info(org: Org) -> str:
    """Return the Sforce-Limit-Info header."""
    return f"api-usage={org.api_calls}/{org.daily_requests}"
