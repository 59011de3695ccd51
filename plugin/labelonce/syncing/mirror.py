"""What the last sync saw of a project's tasks, beside the store.

It spares the listing of tasks that did not change, can be deleted at any time, and decides nothing: what a task is
among the others stands in its tags on the server.

    STORE.projects/KEY.sqlite3    one row for each task
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType

from labelonce import databases
from labelonce.databases import Kind
from labelonce.label_studio import marks
from labelonce.label_studio.listing import STANDING, TaskState
from labelonce.planning import Role
from labelonce.tasks import Touch

AT_ONCE = 500  # values in one query; SQLite takes 999 at least
FIRST_RETRY = 60.0  # seconds until an image that could not be had is asked for again; each time it is twice as long
LONGEST_RETRY = 24 * 3600.0
VERSION = 4
SCHEMA = """
CREATE TABLE about (anchor INTEGER, moment TEXT, shape TEXT);
CREATE TABLE written (id INTEGER PRIMARY KEY);
CREATE TABLE uncounted (annotations INTEGER, skips INTEGER, finished INTEGER);
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY, created_at TEXT NOT NULL, shown BLOB, context TEXT, stale INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0, again REAL NOT NULL DEFAULT 0,
    annotations INTEGER NOT NULL, skips INTEGER NOT NULL, finished INTEGER NOT NULL,
    touch TEXT NOT NULL, returned INTEGER NOT NULL, own_skip INTEGER NOT NULL,
    role TEXT NOT NULL, representative INTEGER, apart TEXT NOT NULL, same TEXT NOT NULL
);
CREATE INDEX by_representative ON tasks (representative);
"""
KIND = Kind("a file", VERSION, SCHEMA, "name another --store", nameless=":memory:")
SEEN = "created_at, annotations, skips, finished, touch, returned, own_skip, role, representative, apart, same"

PUT = (
    f"INSERT INTO tasks (id, shown, context, {SEEN}) VALUES ({','.join('?' * 14)}) "  # noqa: S608
    "ON CONFLICT (id) DO UPDATE SET stale = stale OR coalesce(shown <> excluded.shown, 0), "
    "shown = coalesce(excluded.shown, shown), context = coalesce(excluded.context, context), "
    + ", ".join(f"{name} = excluded.{name}" for name in SEEN.split(", "))
)

# A task is undecided when it has no role yet, when another image is in its place or its own can be asked for again
# (later than the longest pause from now is what a clock said that was wrong),
# when people changed what a run made of it, when what a run wanted did not come about, or when nothing stands for it:
# what shows something else beside the picture does not, unless a person called the two the same. Of two such tasks only
# one is to be labelled.
LABELLED = ",".join(f"'{role}'" for role in STANDING)
UNDECIDED = f"""
SELECT t.id FROM tasks t LEFT JOIN tasks r ON r.id = t.representative WHERE
    t.role = '' OR t.stale OR (t.tries AND t.again NOT BETWEEN :now AND :now + {LONGEST_RETRY})
    OR (t.returned AND t.role <> '{Role.KEPT.value}')
    OR (t.own_skip AND t.role <> '{Role.DUPLICATE.value}')
    OR (t.role = '{Role.REPRESENTATIVE.value}' AND t.touch = '{Touch.SKIPPED.value}')
    OR (t.role = '{Role.DUPLICATE.value}' AND (
        t.touch <> '{Touch.NONE.value}' OR (:skips AND NOT (t.own_skip AND t.finished))
        OR r.id IS NULL OR r.own_skip OR r.stale OR r.touch = '{Touch.SKIPPED.value}'
        OR r.role = '{Role.DUPLICATE.value}' OR ' ' || t.apart || ' ' LIKE '% ' || r.id || ' %'
        OR (coalesce(r.context <> t.context, 0) AND r.same = '[]'
            AND NOT EXISTS (SELECT 1 FROM tasks s WHERE s.representative = r.id AND s.same <> '[]'))))
    OR (t.same <> '[]' AND t.touch = '{Touch.NONE.value}' AND t.role IN ({LABELLED}) AND NOT t.tries AND EXISTS (
        SELECT 1 FROM json_each(t.same) said JOIN tasks s ON s.id = said.value
        WHERE s.role IN ({LABELLED}) AND NOT s.tries AND NOT s.own_skip AND s.touch <> '{Touch.SKIPPED.value}'
        AND (s.id < t.id OR s.touch <> '{Touch.NONE.value}')))
ORDER BY t.id
"""  # noqa: S608


@dataclass(frozen=True, order=True)
class Counts:
    """Figures of a project that change with its tasks."""

    tasks: int
    annotations: int
    skips: int
    finished: int


@dataclass(frozen=True)
class Seen:
    """A task as it was listed.

    Parameters
    ----------
    shown
        Hash of what it shows, by its data; None where that was not read.
    context
        `Task.context`; None where that was not read.
    """

    state: TaskState
    shown: bytes | None = None
    context: str | None = None


class Mirror(AbstractContextManager["Mirror"]):
    """The tasks of a project as they were seen last; serves one thread.

    Parameters
    ----------
    path
        The file; None keeps everything in memory. A damaged one is made anew.

    Raises
    ------
    NotOurs
        There is a file that labelonce did not make.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._db = _opened(path)
        except sqlite3.DatabaseError:
            if path is None:
                raise
            discard(path)
            self._db = _opened(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    @property
    def anchor(self) -> tuple[int, str] | None:
        """The task that had changed last at the last listing, and when; None where nothing was listed yet."""
        row = self._db.execute("SELECT anchor, moment FROM about WHERE anchor IS NOT NULL").fetchone()
        return None if row is None else (int(row[0]), str(row[1]))

    @property
    def shape(self) -> str:
        """What of their data the tasks showed, as `fill` and `update` were told."""
        row = self._db.execute("SELECT shape FROM about").fetchone()
        return "" if row is None else str(row[0])

    def counts(self) -> Counts:
        """The project's figures, as the mirror has them."""
        query = (
            "SELECT count(*), total(annotations) + (SELECT total(annotations) FROM uncounted), total(skips) + "
            "(SELECT total(skips) FROM uncounted), total(finished) + (SELECT total(finished) FROM uncounted) FROM tasks"
        )
        return Counts(*map(int, self._db.execute(query).fetchone()))

    def written(self) -> list[int]:
        """The tasks that the last sync wrote to."""
        return [task for (task,) in self._db.execute("SELECT id FROM written")]

    def remember(self, tasks: Iterable[int]) -> None:
        """Remember what this sync wrote to, in place of what the last one did."""
        with self._db:
            self._db.execute("DELETE FROM written")
            self._db.executemany("INSERT INTO written VALUES (?)", [(task,) for task in tasks])

    def excuse(self, counted: Counts) -> None:
        """Take figures for right that the tasks, all of which were just listed, do not add up to.

        What Label Studio says of a task may differ from what it counts for the project, when two requests for the task
        crossed.
        """
        mine = self.counts()
        missing = counted.annotations - mine.annotations, counted.skips - mine.skips, counted.finished - mine.finished
        with self._db:
            self._db.execute("INSERT INTO uncounted VALUES (?, ?, ?)", missing)

    def fill(self, seen: Iterable[Seen], anchor: tuple[int, str] | None, shape: str) -> int:
        """Take in all tasks of the project; return how many of those known before are gone."""
        with self._db:
            self._db.execute("DELETE FROM uncounted")
            self._db.execute("CREATE TEMP TABLE listed (id INTEGER PRIMARY KEY)")
            replaced = 0
            for one in seen:
                replaced += self._put(one)
                self._db.execute("INSERT OR IGNORE INTO listed VALUES (?)", (one.state.id,))
            gone = self._db.execute("DELETE FROM tasks WHERE id NOT IN (SELECT id FROM listed)").rowcount
            self._db.execute("DROP TABLE listed")
            self._anchor(anchor, shape)
        return gone + replaced

    def update(self, seen: Iterable[Seen], anchor: tuple[int, str], shape: str) -> int:
        """Take in the tasks that changed; return how many of those known before are gone."""
        with self._db:
            replaced = sum(self._put(one) for one in seen)
            self._anchor(anchor, shape)
        return replaced

    def put(self, seen: Iterable[Seen]) -> None:
        """Take in tasks that were read for another reason."""
        with self._db:
            for one in seen:
                self._put(one)

    def see(self, states: Iterable[TaskState]) -> None:
        """Take in states of tasks that are known, without what they show."""
        listed = set(self.tasks())
        self.put(Seen(state) for state in states if state.id in listed)

    def decided(self, tasks: Iterable[int], problems: Iterable[int], now: float) -> None:
        """Remember that tasks were compared, and which of them could not be, which are asked for again later."""
        with self._db:
            failed = set(problems)
            self._db.executemany(
                "UPDATE tasks SET stale = 0, tries = 0 WHERE id = ?", [(task,) for task in tasks if task not in failed]
            )
            self._db.executemany(
                "UPDATE tasks SET stale = 0, tries = tries + 1, again = ? + min(? * (1 << min(tries, 20)), ?) "
                "WHERE id = ?",
                [(now, FIRST_RETRY, LONGEST_RETRY, task) for task in failed],
            )

    def forget(self, tasks: Sequence[int]) -> None:
        """Take out tasks that are gone."""
        with self._db:
            self._db.executemany("DELETE FROM tasks WHERE id = ?", [(task,) for task in tasks])

    def undecided(self, *, skips: bool, now: float) -> list[int]:
        """Tasks that have to be decided, ascending.

        Parameters
        ----------
        skips
            Whether duplicates are to be skipped, not only tagged.
        now
            Unix time.
        """
        return [task for (task,) in self._db.execute(UNDECIDED, {"skips": skips, "now": now})]

    def retry(self) -> None:
        """Let images that could not be had be asked for at once."""
        with self._db:
            self._db.execute("UPDATE tasks SET again = 0 WHERE tries")

    def mark_stale(self, tasks: Iterable[int]) -> None:
        """Remember that tasks show other images than they did."""
        with self._db:
            self._db.executemany("UPDATE tasks SET stale = 1 WHERE id = ?", [(task,) for task in tasks])

    def heads(self, tasks: Sequence[int]) -> list[int]:
        """The tasks that stand for some tasks, ascending."""
        query = "SELECT representative FROM tasks WHERE representative IS NOT NULL AND id IN"
        return sorted({task for (task,) in self._among(query, tasks)})

    def standing(self, tasks: Sequence[int]) -> list[int]:
        """Those of some tasks that were left to be labelled and may stand for others, ascending."""
        query = (
            f"SELECT id FROM tasks WHERE role IN ({LABELLED}) AND NOT stale AND NOT own_skip "  # noqa: S608
            f"AND touch <> '{Touch.SKIPPED.value}' AND id IN"
        )
        return sorted(task for (task,) in self._among(query, tasks))

    def tasks(self) -> list[int]:
        """All tasks, ascending."""
        return [task for (task,) in self._db.execute("SELECT id FROM tasks ORDER BY id")]

    def without_role(self, tasks: Sequence[int]) -> int:
        """How many of some tasks were never decided."""
        return sum(1 for _ in self._among("SELECT id FROM tasks WHERE role = '' AND id IN", tasks))

    def stale(self, tasks: Sequence[int]) -> int:
        """How many of some tasks show other images than before."""
        return sum(1 for _ in self._among("SELECT id FROM tasks WHERE stale AND id IN", tasks))

    def duplicates(self) -> int:
        """How many tasks are marked as duplicates."""
        query = f"SELECT count(*) FROM tasks WHERE own_skip OR role = '{Role.DUPLICATE.value}'"  # noqa: S608
        return int(self._db.execute(query).fetchone()[0])

    def _among(self, query: str, tasks: Sequence[int]) -> Iterator[tuple[int]]:
        for start in range(0, len(tasks), AT_ONCE):
            part = tasks[start : start + AT_ONCE]
            yield from self._db.execute(f"{query} ({','.join('?' * len(part))})", part)

    def _anchor(self, anchor: tuple[int, str] | None, shape: str) -> None:
        self._db.execute("DELETE FROM about")
        self._db.execute("INSERT INTO about VALUES (?, ?, ?)", (*(anchor or (None, None)), shape))

    def _put(self, one: Seen) -> bool:
        """Write a row. Another image makes a task stale; return whether another task has taken the number over."""
        query = "SELECT 1 FROM tasks WHERE id = ? AND created_at <> ?"
        replaced = self._db.execute(query, (one.state.id, one.state.created_at)).fetchone() is not None
        if replaced:
            self._db.execute("DELETE FROM tasks WHERE id = ?", (one.state.id,))
        self._db.execute(PUT, _row(one))
        return replaced


def mirror_path(store_path: Path | None, identity: str) -> Path | None:
    """Where the mirror of a project is.

    Parameters
    ----------
    identity
        `Source.identity` of the project.
    """
    if store_path is None:
        return None
    key = sha256(identity.encode()).hexdigest()[:32]
    return store_path.with_name(f"{store_path.name}.projects") / f"{key}.sqlite3"


def _row(one: Seen) -> tuple[int | str | bytes | None, ...]:
    state = one.state
    standing_in = state.marks.get(marks.REPRESENTATIVE)
    return (
        state.id,
        one.shown,
        one.context,
        state.created_at,
        state.annotations,
        state.foreign_skips + (state.own_skip is not None),
        state.is_labeled,
        state.touch.value,
        state.returned,
        state.own_skip is not None,
        str(state.marks.get(marks.ROLE, "")),
        int(standing_in) if isinstance(standing_in, int | float) else None,
        " ".join(map(str, sorted(state.distinct))),
        json.dumps(sorted(state.same)),
    )


def _opened(path: Path | None) -> sqlite3.Connection:
    """Open a file, or make it."""
    db = databases.opened(path, KIND)
    try:
        if db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):  # or a task may not be found that is there
            raise sqlite3.DatabaseError("damaged")
        db.execute("PRAGMA synchronous = NORMAL")
    except sqlite3.Error:
        db.close()
        raise
    return db


def discard(path: Path) -> None:
    """Delete the file of a mirror, as `databases.discard` does."""
    databases.discard(path, KIND)
