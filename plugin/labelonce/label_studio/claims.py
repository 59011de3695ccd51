"""The claim on a project that its server keeps: while one labelonce writes, those on other computers stay off.

Label Studio has neither locks nor conditional writes, but it numbers what is made in it, and a tab of the Data Manager
may hold data of our own. A claim is such a tab, made before the first write and deleted at the end. Of the claims that
are alive the one made first counts; whoever finds an earlier one behind his own takes his back. A claim is alive for
`LAPSE` seconds after its last sign of life, by the clock of the server alone.

What that keeps apart: all that claim later than the other's claim can be seen. Two that claim in the same moment are
kept apart too where the server makes one tab after the other; a database that makes two at once may show neither to
the other, and then the later one sees it a second later, and stops. A request that was under way when a claim lapsed
may still be carried out. Neither does harm: each write of labelonce's is the same whoever makes it, and a skip has a
number that the server takes once.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from labelonce.errors import LabelOnceError, LockedError, NotFound
from labelonce.label_studio.project import Project, identity_of
from labelonce.label_studio.server import Server
from labelonce.label_studio.tabs import delete_tab
from labelonce.locking import UNKNOWN, Holder, holder_from, locked_by
from labelonce.progress import Progress

TITLE = "labelonce: at work"
MARK = "labelonce_claim"  # not the mark of the tabs that stay
LAPSE = 120  # seconds
RENEWED = 30.0  # seconds between signs of life
LOOKED_AGAIN = 1.0  # seconds until the first of them, which looks for an earlier claim once more
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class _Claims:
    """What claims there are, by their tabs, the earliest first.

    Parameters
    ----------
    now
        Unix time of the server; None where it does not tell.
    mine, void
        Those of this run, and those that count no more.
    alive
        Those of others, and who made them.
    """

    now: float | None
    mine: list[int]
    void: list[int]
    alive: dict[int, Holder | None]


@contextmanager
def claimed(server: Server, project: Project, holder: Holder, wait: float | None, progress: Progress) -> Iterator[None]:
    """Claim a project before the first write on a connection; without a write, nothing is claimed.

    Parameters
    ----------
    holder
        This process, as `project_lock` yields it.
    wait
        Seconds to wait where somebody else has claimed it; None leaves at once.

    Raises
    ------
    LockedError
        Somebody else works on the project, or has begun to meanwhile: then what was not written yet is not written.
    """
    claim = Claim(server, project, holder, progress)
    claim.wait_until_free(wait)
    server.guard = claim.guard
    try:
        yield
    finally:
        server.guard = None
        claim.release()


class Claim:
    """This process's claim on a project. `claimed` makes it; several threads may write under it."""

    def __init__(self, server: Server, project: Project, holder: Holder, progress: Progress) -> None:
        self._server, self._project = server, project
        self._holder, self._progress = holder, progress
        self._run = uuid4().hex
        self._tab: int | None = None
        self._timeless = False  # a server that does not tell the time
        self._lock = threading.RLock()
        self._busy = False
        self._seen, self._ticked, self._pause = 0.0, 0.0, LOOKED_AGAIN

    def wait_until_free(self, wait: float | None) -> None:
        """Wait until nobody else claims the project, and clear away the claims that count no more.

        Raises
        ------
        LockedError
            Somebody still does.
        """
        until = time.monotonic() + (wait or 0.0)
        told = False
        while True:
            claims = self._look()
            self._delete(claims.void)  # whose processes are dead
            found = claims.alive
            if not found:
                return
            left = until - time.monotonic()
            if left <= 0:
                raise self._locked(found)
            if not told:
                self._progress.message(f"{_first(found)} works on {self._name}. Waiting for it.")
            told = True
            time.sleep(min(POLL_SECONDS, left))

    def guard(self, method: str) -> None:
        """Claim the project before the first write, and give a sign of life now and then.

        Raises
        ------
        LockedError
            Somebody else claims it.
        """
        with self._lock:
            if self._busy or self._timeless or not (self._due() if self._tab else method != "GET"):
                return
            self._busy = True  # the requests below come here too
            try:
                if self._tab is None or not self._renew(self._tab):
                    self._take()
                self._seen, self._ticked = time.time(), time.monotonic()
            finally:
                self._busy = False

    def release(self) -> None:
        """Take the claim back; where the server does not answer it lapses."""
        with self._lock:
            if self._tab is not None:
                with suppress(LabelOnceError):
                    self._delete([self._tab])
            self._tab = None

    @property
    def _name(self) -> str:
        return identity_of(self._server, self._project.id)

    def _due(self) -> bool:
        """By both clocks: one may stand still while a machine sleeps, the other may be set."""
        return max(abs(time.time() - self._seen), time.monotonic() - self._ticked) > self._pause

    def _take(self) -> None:
        found = self._look()
        if found.now is None:
            self._timeless = True
            self._progress.message(
                f"{self._server.url} does not tell the time (no Date header), so that labelonce on other computers is "
                "not kept off the project. Use it on one computer at a time."
            )
            return
        if found.alive:
            raise self._locked(found.alive)
        self._server.post("/api/dm/views/", {"project": self._project.id, "data": self._data(found.now)})
        found = self._look()
        self._check(found)
        if not found.mine:
            raise LockedError(f"Somebody deleted the claim on {self._name} at this very moment. Run this again.")
        self._delete(found.mine[1:])  # an answer was lost, and the request came twice
        self._tab, self._pause = found.mine[0], LOOKED_AGAIN

    def _renew(self, tab: int) -> bool:
        """Give a sign of life; False where the claim is gone."""
        found = self._look()
        self._check(found)
        if tab in found.mine and found.now is not None:
            try:
                self._server.patch(f"/api/dm/views/{tab}/", {"data": self._data(found.now)}, project=self._project.id)
            except NotFound:
                found.mine.clear()
        self._tab, self._pause = (tab if tab in found.mine else None), RENEWED
        return self._tab is not None

    def _check(self, found: _Claims) -> None:
        """Yield to a claim that was made before this one."""
        earlier = {tab: holder for tab, holder in found.alive.items() if found.mine and tab < found.mine[0]}
        if earlier:
            self._tab = None
            self._delete(found.mine)
            raise self._locked(earlier)

    def _delete(self, tabs: Iterable[int]) -> None:
        for tab in tabs:
            delete_tab(self._server, self._project, tab)

    def _data(self, now: float) -> dict[str, Any]:
        mark = {"run": self._run, "at": now, "holder": asdict(self._holder)}
        return {"title": TITLE, "type": "list", "target": "tasks", MARK: mark}

    def _look(self) -> _Claims:
        answer = self._server.request("GET", "/api/dm/views/", params={"project": self._project.id})
        found = _Claims(_moment(answer.headers.get("Date")), [], [], {})
        for view in sorted(answer.json(), key=lambda view: int(view["id"])):
            mark = (view["data"] or {}).get(MARK)
            if not isinstance(mark, dict):
                continue
            holder = holder_from(mark.get("holder"))
            if mark.get("run") == self._run:
                found.mine.append(view["id"])
            elif self._is_alive(mark.get("at"), found.now, holder):
                found.alive[view["id"]] = holder
            else:
                found.void.append(view["id"])
        return found

    def _is_alive(self, at: Any, now: float | None, holder: Holder | None) -> bool:
        """Whether a claim counts. Of this place only this process's does, for it has the lock."""
        lapsed = now is None or not isinstance(at, int | float) or abs(now - at) > LAPSE
        here = holder is not None and (holder.place, holder.host) == (self._holder.place, self._holder.host)
        return not lapsed and not here

    def _locked(self, found: Mapping[int, Holder | None]) -> LockedError:
        return LockedError(
            f"{locked_by(self._name, _first(found))} If it has crashed, its claim lapses after {LAPSE} seconds."
        )


def _first(found: Mapping[int, Holder | None]) -> str:
    return str(next(iter(found.values())) or UNKNOWN)


def _moment(date: str | None) -> float | None:
    """Unix time of an HTTP date."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return None
