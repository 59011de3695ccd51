"""Progress that a test can look at."""

from __future__ import annotations

from collections.abc import Callable

from labelonce.progress import Progress


class Notes(Progress):
    """Remembers the messages, and lets a test act on each."""

    def __init__(self, act: Callable[[], object] = lambda: None) -> None:
        self.texts: list[str] = []
        self._act = act

    def message(self, text: str) -> None:
        self.texts.append(text)
        self._act()
