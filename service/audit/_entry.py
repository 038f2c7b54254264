"""One entry, as the text that is chained: JSON with sorted keys, so that the same content is the same bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

Detail = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened.

    Attributes:
        kind: "asked", "approved", "rejected", "expired", "done", "delivered", "reacted", "operated" or "erased".
        actor: who: a caller's name, a Salesforce user's id, a user of this machine, "salesforce" or "grpc" where nobody
            was asked, or "service" for what follows by itself.
        subject: about what: a command's id, "ORG/OBJECT/KEY" of a record, a failure's name.
        at: when, UTC.
        details: further facts: ids, states, digests before and after. None is left out.
    """

    kind: str
    actor: str
    subject: str
    at: datetime
    details: Mapping[str, Detail] = field(default_factory=dict)

    def text(self) -> str:
        """Return the entry as it is kept and chained."""
        known = {name: value for name, value in self.details.items() if value is not None}
        content = known | {
            "kind": self.kind,
            "actor": self.actor,
            "subject": self.subject,
            "at": f"{self.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        return canonical(content)


def canonical(content: object) -> str:
    """Return JSON of one form only."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
