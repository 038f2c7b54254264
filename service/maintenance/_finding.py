"""What a check found: a line for a person, and the same for a machine."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"  # could not be told, or nothing to do: no fault
    FAULT = "fault"  # the service would not do its work


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was looked at, as the settings name it: "orgs.main", "entities.acme.stripe".
        check: what was asked of it.
        outcome: the answer.
        detail: what was found; never a secret, never a vendor's own text.
        remedy: what to do about a fault.
    """

    subject: str
    check: str
    outcome: Outcome
    detail: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as plain values."""
        return {name: str(value) for name, value in asdict(self).items()}


def ok(subject: str, check: str, detail: str = "") -> Finding:
    """Return a finding that all is well."""
    return Finding(subject, check, Outcome.OK, detail)


def note(subject: str, check: str, detail: str, remedy: str = "") -> Finding:
    """Return a finding that is no fault, yet worth knowing."""
    return Finding(subject, check, Outcome.NOTE, detail, remedy)


def fault(subject: str, check: str, detail: str, remedy: str) -> Finding:
    """Return a finding that somebody has to act on."""
    return Finding(subject, check, Outcome.FAULT, detail, remedy)
