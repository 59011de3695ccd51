"""Deciding for new tasks without asking again about those that are decided."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from labelonce.catalogue import Catalogue, open_catalogue
from labelonce.label_studio import marks
from labelonce.label_studio.listing import TaskState, as_task
from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.pipeline import Clusters, Workshop, decisions_of, make_plan, workshop
from labelonce.planning import Decision, Plan
from labelonce.progress import Progress
from labelonce.reading import KnownImages
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.syncing.mirror import Mirror
from labelonce.syncing.refreshing import read_again
from labelonce.tasks import Task, TaskId

CANDIDATES = 64  # standing pictures that each new one is compared with, the most similar ones


def decide(
    server: Server,
    project: Project,
    source: Source,
    waiting: Sequence[int],
    mirror: Mirror,
    settings: Settings,
    progress: Progress,
) -> Plan:
    """Decide for the tasks that wait; where most tasks do, or the method looks at all of them, for all.

    Earlier decisions stand: a task that was left to be labelled is never a duplicate of a new one, and stands for it
    where it is a neighbour. Nothing is written.
    """
    if whole(len(waiting), mirror.counts().tasks, settings):
        return make_plan(source, settings, progress, project=project.id)
    fresh = read_again(server, project, mirror, waiting)
    still = set(mirror.undecided(skips=settings.mark == "skip", now=time.time()))
    states = [one for task, one in fresh.items() if task in still]  # another computer may have decided some
    tasks = [replace(as_task(state, data, project), standing=False) for state, data in states]
    with workshop(source, settings, progress) as shop:
        found, settled = compare_new(shop, server, project, tasks, mirror, progress)
        shop.keep_more(replace(found.images, tasks=tasks), progress)
    decisions = _decisions(found, settings, settled, fresh.keys())
    problems = tuple(sorted((task, why) for task, why in found.images.problems.items() if task in fresh))
    return Plan(source.name, project.id, decisions, problems, found.shaped)


def whole(waiting: int, tasks: int, settings: Settings) -> bool:
    """Whether everything is decided anew: most of it waits, or the method does not go by neighbours alone."""
    by_all = settings.min_samples > 2 or settings.chosen_representatives != "cover" or settings.roi_from_predictions
    return by_all or settings.finds_crops or 2 * waiting > tasks


def compare_new(
    shop: Workshop, server: Server, project: Project, tasks: Sequence[Task], mirror: Mirror, progress: Progress
) -> tuple[Clusters, dict[int, TaskState]]:
    """Compare new tasks with each other and with those that stand.

    Returns
    -------
    tuple[Clusters, dict[int, TaskState]]
        What was found, and the standing tasks that took part.
    """
    tasks = [replace(task, same=task.same | {*mirror.heads(sorted(map(int, task.same)))}) for task in tasks]
    images = shop.reader.read(tasks, progress)
    catalogue = catalogue_of(shop, progress)
    if catalogue is None:  # nothing can be kept on this machine: all that stand are compared
        near = mirror.tasks()
    else:
        with catalogue:
            near = _near(catalogue, images, shop)
    near = [*near, *(int(other) for task in tasks for other in task.same)]
    near = sorted({*near, *mirror.heads(near)})  # of a burst, only duplicates may be among the most similar pictures
    mine = {task.id for task in tasks}
    standing = mirror.standing([task for task in near if task not in mine])
    known = read_again(server, project, mirror, standing)
    known = {task: known[task] for task in mirror.standing(list(known))}
    settled = [replace(as_task(state, data, project), settled=True, standing=True) for state, data in known.values()]
    images = shop.reader.read(settled, progress, before=images)
    everyone = sorted([*tasks, *settled], key=lambda task: task.id)
    found = shop.compare(everyone, images, progress, part=True)
    return found, {task: state for task, (state, _) in known.items()}


def look_again(source: Source, mirror: Mirror, settings: Settings, progress: Progress) -> None:
    """Ask for all images again, and note in the mirror which tasks show another one than before, or none."""
    mirror.retry()
    with workshop(source, settings, progress) as shop:
        images = shop.reader.read(sorted(source.tasks(), key=lambda task: task.id), progress)
        catalogue = opened(shop, progress)
        if catalogue is not None:  # else nothing is known that an image could differ from
            with catalogue:
                held = catalogue.pixels_of_tasks()
            shown = {task: {images.records[row].pixels for row in rows} for task, rows in images.rows.items()}
            mirror.mark_stale(int(task) for task, pixels in shown.items() if not pixels <= held.get(task, pixels))
        shop.keep(images, progress)


def opened(shop: Workshop, progress: Progress) -> Catalogue | None:
    """What is known of the source's pictures."""
    path, identity, model = shop.store.path, shop.source.identity, shop.embedder.identity
    return open_catalogue(path, identity, model, region=shop.region, progress=progress)


def catalogue_of(shop: Workshop, progress: Progress) -> Catalogue | None:
    """What is known of the source's pictures; where nothing is, all are read first."""
    found = opened(shop, progress)
    if found is None:
        shop.keep(shop.reader.read(sorted(shop.source.tasks(), key=lambda task: task.id), progress), progress)
        found = opened(shop, progress)
    return found


def _near(catalogue: Catalogue, images: KnownImages, shop: Workshop) -> list[int]:
    """Tasks that hold a picture near one of the images."""
    rows: set[int] = set()
    for vectors in (images.vectors, *images.views.values()):
        rows.update(row for near in catalogue.near(vectors, shop.threshold, CANDIDATES) for row in near)
    return sorted({int(task) for one in catalogue.known(sorted(rows)) for task in one.tasks})


def _decisions(
    found: Clusters, settings: Settings, settled: Mapping[int, TaskState], mine: Iterable[TaskId]
) -> tuple[Decision, ...]:
    """What is new: the decisions for the new tasks, and for those that stand for others from now on.

    What joins a cluster takes the number that its representative has in it.
    """
    recorded = {task: number for task, state in settled.items() if (number := marks.number(state.marks, marks.CLUSTER))}
    new = set(mine)
    decisions = []
    for one in decisions_of(found, settings):
        cluster = one.cluster if one.representative is None else recorded.get(int(one.representative), one.cluster)
        if one.task in new or (one.representative is not None and one.task not in recorded):
            decisions.append(replace(one, cluster=cluster))
    return tuple(decisions)
