"""What waits in one queue, as every room tells it of its own."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and since when.

    Attributes:
        queue: what has to be done with it: "accept", "command", "project", "fetch", "deliver" or "react".
        where: the entity or org it is of.
        count: rows.
        oldest: UTC; when the oldest came, or was due.
    """

    queue: str
    where: str
    count: int
    oldest: datetime
