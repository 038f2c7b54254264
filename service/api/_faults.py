"""Faults of ours: what a caller is told (one fixed sentence) and what the log is told (where, never what).

An exception's text may quote a request, a row or a vendor, and a traceback its arguments; so the log gets the types of
the exception and its causes, and the places in our own code it went through.
"""

import traceback
from pathlib import Path

from service import telemetry

INTERNAL_MESSAGE = "Something failed on our side; the service's log holds the cause under the trace of this call."
_ROOT = Path(__file__).parents[2]
_OURS = (_ROOT / "service", _ROOT / "subscribers")
_MAX_FRAMES = 20
_MAX_CAUSES = 5


def _types(error: BaseException) -> list[str]:
    names: list[str] = []
    current: BaseException | None = error
    while current is not None and len(names) < _MAX_CAUSES:
        names.append(f"{type(current).__module__}.{type(current).__qualname__}")
        current = current.__cause__ or current.__context__
    return names


def own_stack(error: BaseException) -> list[str]:
    """Return the frames of our own code an exception went through, outermost first, at most the last 20."""
    frames: list[str] = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if any(path.is_relative_to(root) for root in _OURS):
            frames.append(f"{path.relative_to(_ROOT)}:{frame.lineno} {frame.name}")
    return frames[-_MAX_FRAMES:]


def log_fault(action: str, error: BaseException, **details: str) -> None:
    """Log an exception nobody expected; `details` are low-cardinality words of ours, such as a method's name."""
    telemetry.log().error(action, error_types=_types(error), frames=own_stack(error), **details)
