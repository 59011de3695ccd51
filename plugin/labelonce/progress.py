"""Progress of the long stages, shown on standard error so that standard output can be piped."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeAlias

Advance: TypeAlias = Callable[[int], None]


class Progress:
    """Silent progress; the base of the visible ones.

    ``stage`` is entered for every stage of the work and yields a function that is told how many more are done.
    """

    def stage(self, title: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Enter a stage of `total` steps (None: unknown)."""
        return nullcontext(lambda _count: None)

    def message(self, text: str) -> None:
        """Tell the user something that is not an error."""


class Bars(Progress):
    """Bars with rate and remaining time, for a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Draw one bar for as long as the stage lasts."""
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:<24}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[rate]}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=self._console) as bars:
            bar = bars.add_task(title, total=total, rate="")
            started = time.monotonic()

            def advance(count: int) -> None:
                done = bars.tasks[0].completed + count
                seconds = max(time.monotonic() - started, 1e-3)
                bars.update(bar, advance=count, rate=f"{done / seconds:,.0f}/s")

            yield advance
            if total is None:
                bars.update(bar, total=bars.tasks[0].completed)

    def message(self, text: str) -> None:
        """Print a line above the bars."""
        self._console.print(text, markup=False, highlight=False)


class Lines(Progress):
    """A line at the end of each stage, and now and then in between: for logs and pipes."""

    EVERY_SECONDS = 15.0

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """Print a line every few seconds and one at the end."""
        started = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= self.EVERY_SECONDS:
                last = now
                rate = done / (now - started)
                left = f", {(total - done) / rate:,.0f} s left" if total and rate else ""
                self.message(f"{title}: {done:,}{f' of {total:,}' if total else ''}, {rate:,.1f}/s{left}")

        yield advance
        if done:
            self.message(f"{title}: {done:,} in {time.monotonic() - started:,.1f} s")

    def message(self, text: str) -> None:
        """Print one line."""
        print(text, file=sys.stderr, flush=True)


def visible_progress() -> Progress:
    """Bars on a terminal, lines elsewhere and between the lines of logs; log lines where those are JSON."""
    from labelonce import logs  # which needs this module

    return logs.fitting_progress() or (Bars() if sys.stderr.isatty() else Lines())
