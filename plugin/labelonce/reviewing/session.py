"""One review of a project or of a plan: what the page shows, and what becomes of a mark."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from labelonce.label_studio.project import Project
from labelonce.label_studio.server import Server
from labelonce.planning import Plan, load_plan
from labelonce.progress import Progress
from labelonce.reporting.content import Report
from labelonce.reporting.gathering import of_project, planned
from labelonce.reporting.page import render
from labelonce.reporting.pictures import Shown, read_pictures, tasks_of
from labelonce.reviewing.advice import advise
from labelonce.reviewing.correcting import corrected
from labelonce.reviewing.marking import Kind, Mark, carry_out, remember
from labelonce.settings import Settings
from labelonce.sources.base import Source
from labelonce.tasks import TaskId


class Review:
    """A person looks at a project as it is, or at a plan that is not applied yet.

    Parameters
    ----------
    source
        Where the pictures are read.
    plan
        The plan's file, which is corrected; None for the project as it is.
    alone
        Lets no other labelonce work on the project while one mark is written.
    save
        Writes a plan.
    """

    def __init__(
        self,
        server: Server,
        project: Project,
        source: Source,
        settings: Settings,
        progress: Progress,
        alone: Callable[[], AbstractContextManager[None]],
        save: Callable[[Plan, Path], None],
        plan: Path | None = None,
    ) -> None:
        self._server, self._project, self._source = server, project, source
        self._settings, self._progress = settings, progress
        self._alone, self._save, self._plan = alone, save, plan
        self._shown = Shown()
        self._report: Report | None = None
        self._judged: dict[TaskId, tuple[float, bool]] = {}

    def page(self) -> str:
        """The page as things are now; pictures that were read are not read again."""
        report = self._gathered()
        tasks = tasks_of(self._server, self._project, report)
        self._shown = read_pictures(report, self._source, tasks, self._settings, self._progress, self._shown)
        self._report = report
        return render(report, self._shown.thumbnails, self._shown.placements, review=True)

    def decide(self, mark: Mark) -> tuple[str, str | None]:
        """Write what a person says; return what was done, and which threshold fits what was said so far.

        Raises
        ------
        ChangedError
            Somebody decided otherwise meanwhile.
        LabelOnceError
            It could not be written. Say it again.
        """
        with self._alone():
            if self._plan is None:
                text = carry_out(self._server, self._project, mark, self._progress, how=self._settings.mark)
            else:
                better = corrected(load_plan(self._plan), mark)
                remember(self._server, self._project, mark, self._progress)
                self._save(better, self._plan)
                text = f"the plan is corrected: {self._plan.name}"
        self._judge(mark)
        return text, advise(list(self._judged.values()))

    def _gathered(self) -> Report:
        if self._plan is None:
            found = of_project(self._server, self._project, self._settings, self._progress)
        else:
            found = planned(self._server, self._project, load_plan(self._plan), self._settings, self._progress)
        return replace(found, hints=(), scene=None)  # what another setting would do is nothing to mark

    def _judge(self, mark: Mark) -> None:
        """The last word on a duplicate counts: to make it the representative says that the two are the same."""
        if mark.kind is Kind.KEEP or self._report is None:
            return
        for group in self._report.groups:
            for skip in group.skips:
                if skip.task == mark.one and skip.similarity is not None:
                    self._judged[skip.task] = (skip.similarity, mark.kind is not Kind.DISTINCT)
