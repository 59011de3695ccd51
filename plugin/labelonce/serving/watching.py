"""The loop behind `sync --watch` and `serve`: run, wait, run again."""

import logging
from collections.abc import Callable

from labelonce import logs
from labelonce.errors import ConfigurationError, LabelOnceError
from labelonce.serving.waking import Wake

FIRST_PAUSE = 5.0  # seconds after a failed run, doubled for each that follows
LONGEST_PAUSE = 60.0

_log = logging.getLogger(__name__)


def watch(run: Callable[[], object], every: float, wake: Wake | None = None) -> None:
    """Run now, and again after each interval or when woken, until `wake` is stopped; one run at a time.

    A run that fails is logged and tried again after a pause, which grows while it goes on failing and which events do
    not shorten. An exception that is no failure, such as the KeyboardInterrupt of Ctrl-C, ends the loop and the run
    that is under way; that is safe at any moment, because the next run continues.

    Parameters
    ----------
    run
        What is to be done; every run logs under an id of its own.
    every
        Seconds from the end of a run to the next.
    wake
        What may begin a run earlier, and ends the loop. None: only time begins one.

    Raises
    ------
    ConfigurationError
        Of the first run: it would fail for ever. Later ones are tried again, as people may be changing the project.
    """
    wake = wake or Wake()
    failures, ran = 0, False
    while not wake.stopped:
        wake.begin()
        try:
            with logs.run():
                _run(run)
        except (LabelOnceError, OSError) as error:
            if isinstance(error, ConfigurationError) and not ran:
                raise
            failures += 1
        else:
            failures, ran = 0, True
        wake.end(fine=not failures)
        wake.wait(pause(failures, every), heed=not failures)


def pause(failures: int, every: float) -> float:
    """Seconds until the next run, after so many that failed in a row."""
    return min(FIRST_PAUSE * 2.0 ** (failures - 1), LONGEST_PAUSE, every) if failures else every


def _run(run: Callable[[], object]) -> None:
    try:
        run()
    except (LabelOnceError, OSError) as error:
        logs.event(_log, logging.ERROR, "the run failed", error=error)
        raise
