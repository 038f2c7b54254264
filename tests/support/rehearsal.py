"""The worked examples of the API against what was really said: what each id, link and time of an example stands for.

An example is told in its own words ("pi_3NZheld"). The first time such a word stands in an answer it takes the meaning
of what was answered there; from then on it means the same, in requests and in answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A word that stands for something of the run, and what that may be: the same kind of id, any link, any time.
_KINDS = (
    (re.compile(r"([a-z]+_)(?:\d?NZ\w+|0{28,}\w+)"), lambda found: re.escape(found[1]) + r"\w+"),
    (re.compile(r"https://\S+"), lambda _: r"https?://\S+"),
    (re.compile(r"2026-\d\d-\d\dT[\d:.]+Z"), lambda _: r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
    (re.compile(r"AQ[\w-]+\.\.\."), lambda _: r"[\w-]{20,}"),
)
_PASSING = re.compile(r"2026-\d\d-\d\dT.*|AQ.*\.\.\.")  # means something else each time


class Disagreement(AssertionError):
    """An answer was not as shown; says where."""


@dataclass
class Rehearsal:
    """What the words of the examples mean by now."""

    means: dict[str, str] = field(default_factory=dict)

    def real(self, shown: Any) -> Any:
        """Return a request as it is to be sent."""
        text = json.dumps(shown)
        for word in sorted(self.means, key=len, reverse=True):
            text = text.replace(word, self.means[word])
        return json.loads(text)

    def compare(self, shown: Any, said: Any, place: str = "answer") -> None:
        """Learn from an answer, which may hold more than is shown.

        Raises:
            Disagreement: it is not as shown; nothing was learned.
        """
        learned = dict(self.means)
        _compare(shown, said, place, learned)
        self.means = learned


def _compare(shown: Any, said: Any, place: str, means: dict[str, str]) -> None:
    if isinstance(shown, Mapping) and isinstance(said, Mapping):
        said = {_snake(name): value for name, value in said.items()}
        for name, value in shown.items():
            if name not in said:
                raise Disagreement(f"{place}: {name} is missing in {said}")
            _compare(value, said[name], f"{place}.{name}", means)
    elif isinstance(shown, list) and isinstance(said, list):
        _compare_some(shown, said, place, means)
    elif isinstance(shown, str) and isinstance(said, str):
        _compare_texts(shown, said, place, means)
    elif shown != said:
        raise Disagreement(f"{place}: {said!r}, not {shown!r}")


def _snake(name: str) -> str:
    """Return a field's name as the contract has it: some versions of grpcurl print lowerCamelCase."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found.group().lower()}", name)


def _compare_some(shown: list[Any], said: list[Any], place: str, means: dict[str, str]) -> None:
    """Find every item that is shown, in its order; there may be others between them."""
    rest = iter(enumerate(said))
    for wanted in shown:
        for number, found in rest:
            learned = dict(means)
            try:
                _compare(wanted, found, f"{place}[{number}]", learned)
            except Disagreement as error:
                if len(said) == len(shown):
                    raise
                last = str(error)
                continue
            means.update(learned)
            break
        else:
            raise Disagreement(f"{place}: no {wanted} in {said} ({last if said else 'nothing there'})")


def _compare_texts(shown: str, said: str, place: str, means: dict[str, str]) -> None:
    if shown in means:
        if means[shown] != said:
            raise Disagreement(f"{place}: {said!r}, and {shown!r} means {means[shown]!r}")
        return
    for kind, may_be in _KINDS:
        found = kind.fullmatch(shown)
        if found and re.fullmatch(may_be(found), said):
            if not _PASSING.fullmatch(shown):
                means[shown] = said
            return
    expected = shown
    for word in sorted(means, key=len, reverse=True):
        expected = expected.replace(word, means[word])
    if expected != said:
        raise Disagreement(f"{place}: {said!r}, not {expected!r}")
