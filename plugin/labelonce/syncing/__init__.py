"""Following a project: what is new is compared with what is known, and earlier decisions stand."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from labelonce.databases import is_damage
from labelonce.label_studio.applying import Outcome, apply_plan
from labelonce.label_studio.project import Project, identity_of
from labelonce.label_studio.server import Server
from labelonce.label_studio.writing import recount
from labelonce.progress import Progress
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.sources.label_studio import LabelStudioSource
from labelonce.syncing.mirror import Mirror, discard, mirror_path
from labelonce.syncing.refreshing import read_again, refresh

ROUNDS = 5  # of deciding what came in the meantime; the next sync goes on


@dataclass
class Synced:
    """What `sync` found and did.

    Parameters
    ----------
    tasks
        Tasks that the project has.
    new, changed, deleted
        Tasks that were decided for the first time, show other images than before, are gone.
    duplicates
        Tasks that are marked as duplicates now.
    outcome
        What was written; None where nothing had to be.
    """

    tasks: int = 0
    new: int = 0
    changed: int = 0
    deleted: int = 0
    duplicates: int = 0
    outcome: Outcome | None = None

    def figures(self) -> dict[str, int]:
        """All of it as plain figures."""
        done = self.outcome or Outcome()
        return {
            "tasks": self.tasks,
            "new": self.new,
            "changed": self.changed,
            "deleted": self.deleted,
            "duplicates": self.duplicates,
            "skips_written": done.skips_written,
            "skips_lifted": done.skips_lifted,
            "tags_written": done.tags_written,
            "left_to_people": len(done.left_to_people),
            "refused": len(done.refused),
        }


def sync(
    server: Server,
    project: Project,
    settings: Settings,
    progress: Progress,
    *,
    again: Sequence[int] = (),
    recheck: bool = False,
) -> Synced:
    """Decide for the tasks of a project that no run decided for yet, and write that; all else stays as it is.

    Tasks that are new or show other images are compared with each other and with those that stand; duplicates whose
    representative is gone, or was skipped by a person, get another one, or are labelled themselves; what people took
    back is kept from then on. With nothing new, nothing is written.

    Parameters
    ----------
    again
        Tasks to look at although Label Studio does not call them changed, because only their tags are.
    recheck
        Ask for every image again, in case it changed behind its URL.

    Raises
    ------
    LabelOnceError
        As in `make_plan` and `apply_plan`. Run it again: it continues.
    """
    source = source_of(server, project, settings, progress)
    path = mirror_path(settings.store_path, source.identity)
    try:
        with Mirror(path) as mirror:
            return _follow(server, project, source, mirror, settings, progress, again, recheck)
    except (OSError, sqlite3.Error) as error:
        if path is None:
            raise
        damaged = isinstance(error, sqlite3.Error) and is_damage(error)
        if damaged:
            discard(path)
        advice = "The next sync makes it anew." if damaged else "Free some disk space, or name another --store."
        progress.message(f"{path} cannot be used ({error}): all tasks are listed. {advice}")
    with Mirror(None) as mirror:
        return _follow(server, project, source, mirror, settings, progress, again, recheck)


def source_of(server: Server, project: Project, settings: Settings, progress: Progress) -> Source:
    """The project's tasks as the settings want them read."""
    return LabelStudioSource(
        server, project, progress, **settings.fetching, regions_from_predictions=settings.roi_from_predictions
    )


def forget(server: Server, project: Project, settings: Settings) -> None:
    """Forget what was seen of a project, where tags are written that Label Studio does not call a change."""
    path = mirror_path(settings.store_path, identity_of(server, project.id))
    if path is not None:
        with suppress(OSError):
            discard(path)


def _follow(
    server: Server,
    project: Project,
    source: Source,
    mirror: Mirror,
    settings: Settings,
    progress: Progress,
    again: Sequence[int],
    recheck: bool,
) -> Synced:
    synced, before = Synced(), [0]
    recount(server, project.id, mirror.written())  # what people had under way then is done by now
    if recheck:
        from labelonce.syncing.deciding import look_again

        synced.deleted += refresh(server, project, mirror, progress)
        look_again(source, mirror, settings, progress)
    for _ in range(ROUNDS):
        synced.deleted += refresh(server, project, mirror, progress)
        read_again(server, project, mirror, again)
        waiting = mirror.undecided(skips=settings.mark == "skip", now=time.time())
        if not waiting or waiting == before:  # what the server refused would be refused again
            break
        before = waiting
        synced.new += mirror.without_role(waiting)
        synced.changed += mirror.stale(waiting)
        _settle(server, project, source, waiting, mirror, settings, progress, synced)
    mirror.remember(synced.outcome.written if synced.outcome else ())
    synced.tasks = mirror.counts().tasks
    synced.duplicates = mirror.duplicates()
    return synced


def _settle(
    server: Server,
    project: Project,
    source: Source,
    waiting: list[int],
    mirror: Mirror,
    settings: Settings,
    progress: Progress,
    synced: Synced,
) -> None:
    """Decide for the tasks that wait, and write it."""
    from labelonce.syncing.deciding import decide  # loads what compares images, which most syncs do not need

    plan = decide(server, project, source, waiting, mirror, settings, progress)
    if plan.decisions:
        outcome = apply_plan(server, plan, progress, mark=settings.mark, ignore_skipped=settings.ignore_skipped)
        mirror.see(outcome.states.values())
        synced.outcome = outcome if synced.outcome is None else synced.outcome.joined(outcome)
    tasks = [int(one.task) for one in plan.decisions]
    mirror.decided(tasks, [int(task) for task, _ in plan.problems], time.time())
