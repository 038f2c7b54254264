"""How the story looks: on a terminal with a live line of progress, elsewhere as plain lines without control characters.

It knows money and layout, and nothing of payments.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_PLAIN_WIDTH = 160
_DECIMALS = {"JPY": 0, "KWD": 3}
_INDENT = (0, 0, 0, 3)
_COLOURS = {"Salesforce": "cyan", "Counterfoil": "green", "Stripe": "magenta", "Customer": "yellow"}


def money(amount: Decimal | float | None, currency: str | None) -> str:
    """Return an amount as people write it, such as "1,250.00 USD"."""
    if amount is None or currency is None:
        return "-"
    return f"{Decimal(amount):,.{_DECIMALS.get(currency, 2)}f} {currency}"


def short(identifier: str, length: int = 26) -> str:
    """Return an identifier cut to what an eye compares."""
    return identifier if len(identifier) <= length else f"{identifier[:length]}..."


class Screen:
    """Where the story is told."""

    def __init__(self, *, plain: bool, chapters: int) -> None:
        self.console = Console(highlight=False, markup=False, emoji=False)
        if plain or not self.console.is_terminal:
            self.console = Console(
                highlight=False, markup=False, emoji=False, color_system=None, force_terminal=False, width=_PLAIN_WIDTH
            )
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task = self._progress.add_task("", total=chapters)
        self._chapter = 0
        self.started = time.time()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the line of progress while the story runs."""
        with self._progress:
            yield

    def say(self, *lines: str, style: str = "") -> None:
        """Print lines of text."""
        for line in lines:
            self.console.print(Padding(Text(line, style=style), _INDENT, expand=False))

    def title(self, text: str, *lines: str) -> None:
        """Print the head of everything."""
        self.console.print(Text(text, style="bold"))
        for line in lines:
            self.console.print(Text(line))
        self.console.print()

    def chapter(self, text: str) -> None:
        """Begin a chapter; times of its steps count from here unless `start_clock` is called."""
        if self._chapter:
            self.console.print()
        self._progress.update(self._task, completed=self._chapter)
        self._chapter += 1
        self.console.print(Text(f"{self._chapter}. {text}", style="bold"))
        self.start_clock()

    def start_clock(self) -> None:
        """Let the times of the steps to come count from now."""
        self.started = time.time()

    def waiting(self, what: str) -> None:
        """Say on a terminal what is being waited for."""
        self._progress.update(self._task, description=what)

    def step(self, where: str, what: str, detail: str = "", *, at: float | None = None) -> None:
        """Print one step: who did what, and when.

        Args:
            where: who acted.
            what: what happened.
            detail: identifiers and the like, in a line of their own.
            at: when, in seconds since 1970; now if not given.
        """
        elapsed = max(0, round(((time.time() if at is None else at) - self.started) * 1000))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=8, justify="right", no_wrap=True)
        grid.add_column(width=11, no_wrap=True)
        grid.add_column()
        grid.add_row(f"{elapsed:,} ms", Text(where, style=_COLOURS.get(where, "")), what)
        if detail:
            grid.add_row("", "", Text(detail, style="dim"))
        self.console.print(Padding(grid, _INDENT, expand=False))

    def proof(self, text: str) -> None:
        """Print a claim that was checked."""
        self.console.print(Padding(Text.assemble(("ok  ", "bold green"), text), _INDENT, expand=False))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
        """Print a table; columns of `right` are aligned to the right."""
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold dim")
        for number, head in enumerate(heads):
            table.add_column(head, justify="right" if number in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(str(cell) for cell in row))
        self.console.print(Padding(table, _INDENT, expand=False))

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values."""
        grid = Table.grid(padding=(0, 2, 0, 0))
        for name, value in facts.items():
            grid.add_row(Text(name, style="dim"), Text(value, overflow="fold"))
        self.console.print(Padding(grid, _INDENT, expand=False))

    def failure(self, text: str) -> None:
        """Print what was not as told."""
        self.console.print()
        self.console.print(Text.assemble(("NOT AS TOLD  ", "bold red"), text))
