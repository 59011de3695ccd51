"""Events that wait for a run: bursts are one, and the age of the oldest is known."""

import threading
import time
from collections.abc import Callable


class Wake:
    """What a loop waits on between its runs; any thread may call it, stop it, or ask for its lag.

    Parameters
    ----------
    settle
        Seconds of quiet after an event until a run begins, so that a burst leads to one run.
    longest
        Seconds after which a run begins although events keep coming.
    clock
        Seconds that never go back.
    """

    def __init__(self, settle: float = 0.0, longest: float = 0.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._settle, self._longest, self._clock = settle, longest, clock
        self._changed = threading.Condition()
        self._stopped = False
        self._first: float | None = None  # of the events that no run has begun for
        self._last = 0.0
        self._unhandled: float | None = None  # the oldest that no run has ended well for

    @property
    def stopped(self) -> bool:
        """Whether the loop is to end."""
        return self._stopped

    @property
    def lag(self) -> float:
        """Age in seconds of the oldest event that no run has handled; 0 where there is none."""
        with self._changed:
            return 0.0 if self._unhandled is None else self._clock() - self._unhandled

    def call(self) -> None:
        """Tell that something has happened."""
        with self._changed:
            self._last = self._clock()
            self._first = self._last if self._first is None else self._first
            self._unhandled = self._first if self._unhandled is None else self._unhandled
            self._changed.notify_all()

    def stop(self) -> None:
        """End the loop, and every wait."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def begin(self) -> None:
        """A run begins: it sees what all events so far told of."""
        with self._changed:
            self._first = None

    def end(self, *, fine: bool) -> None:
        """The run has ended; only if it ended well are the events from before it handled."""
        with self._changed:
            if fine:
                self._unhandled = self._first

    def wait(self, seconds: float, *, heed: bool = True) -> None:
        """Wait until the time is over, or the events that came have settled, or the loop is stopped.

        Parameters
        ----------
        heed
            Whether events end the wait.
        """
        with self._changed:
            until = self._clock() + seconds
            while not self._stopped:
                due = until
                if heed and self._first is not None:
                    due = min(until, self._last + self._settle, self._first + self._longest)
                left = due - self._clock()
                if left <= 0:
                    return
                self._changed.wait(left)
