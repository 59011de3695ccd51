"""A report as one page that opens without internet: nothing in it asks for anything outside of it."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

from labelonce.report import printable
from labelonce.reporting import charts
from labelonce.reporting.content import Group, Report, Skip
from labelonce.savings import amount, duration
from labelonce.tasks import TaskId

if TYPE_CHECKING:
    from jinja2 import Template

    from labelonce.reporting.placing import Placement
    from labelonce.reporting.thumbnails import Thumbnail

BARE = 12  # skips of a group that stand in the gallery without a picture; more of them are listed
# how a page begins that `render` made
PAGE = re.compile(rb'<!DOCTYPE html>\n<html lang="en">\n<head>\n(<meta [^\n]*\n)+<title>[^\n]* - labelonce</title>')
ROWS = 200  # groups in one table of the list: browsers lay out only those in sight


@dataclass(frozen=True)
class Part:
    """A group, or what is shown of it in one place.

    Parameters
    ----------
    number
        Its place in the report, from 1.
    skips
        Those that are shown here.
    """

    number: int
    group: Group
    skips: tuple[Skip, ...]

    @property
    def least(self) -> float | None:
        """Least similarity that is known in the whole group, percent."""
        return min((skip.similarity for skip in self.group.skips if skip.similarity is not None), default=None)


@dataclass(frozen=True)
class Tile:
    """A figure of the first screen, and what it rests on."""

    name: str
    figure: str
    basis: str
    strong: bool = False


def render(
    report: Report,
    pictures: Mapping[TaskId, "Thumbnail"],
    placements: "Mapping[tuple[TaskId, TaskId], Placement | None] | None" = None,
    *,
    review: bool = False,
) -> str:
    """Write the page.

    Parameters
    ----------
    pictures
        Of the tasks that are shown with one; groups without any are listed in tables.
    placements
        By what is kept and its duplicate: how the one lies on the other, where that is known.
    review
        Whether the page marks: it then sends what a person decides to the address ``marks`` beside its own.

    Returns
    -------
    str
        HTML, to be written as UTF-8.
    """
    from markupsafe import Markup

    gallery, rest = divided(report.groups, pictures)
    style, script = _text("page.css"), _text("page.js")
    policy = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "form-action": "'none'",
        "base-uri": "'none'",
    }
    if review:
        policy["connect-src"] = "'self'"
    return _template().render(
        report=report,
        review=review,
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=Markup(style),  # noqa: S704 - files of this package
        script=Markup(script),  # noqa: S704
        link=lambda task: _link(report, task),
        pictures=pictures,
        placement=lambda kept, duplicate: (placements or {}).get((kept, duplicate)),
        gallery=gallery,
        tables=[rest[start : start + ROWS] for start in range(0, len(rest), ROWS)],
        listed=len(rest),
        least=min((group.least for group in report.groups), default=100.0),
        tiles=tuple(tiles(report)),
        whatif=charts.whatif(report),
        over_time=charts.over_time(report),
        cluster_sizes=charts.cluster_sizes(report),
        sizes=charts.sizes(report.groups),
        histories=(("Per run", "Run", report.runs), ("Per day", "Day", report.days),
                   ("Per upload", "Upload", report.uploads)),
    )  # fmt: skip


def tiles(report: Report) -> Iterator[Tile]:
    """The first screen."""
    found = report.savings
    share = 100 * found.share_left
    annotators = (
        f"each labelled by {found.annotators:,} people" if found.annotators > 1 else "each labelled by one person"
    )
    yield Tile("Images", f"{found.tasks:,}", annotators)
    yield Tile("Unique", f"{found.unique:,}", "left to label")
    yield Tile("Duplicates", f"{found.duplicates:,}", f"{found.skipped:,} of them skipped now{_stored(report)}")
    yield Tile("Share left", f"{share:.1f} %", f"{100 - share:.1f} % need nobody's time")
    if found.seconds_saved is None or found.seconds_per_label is None:
        yield Tile("Time saved", "not known", found.seconds_basis)
    else:
        basis = f"{found.labels_saved:,} labels, {found.seconds_per_label:,.1f} s each: {found.seconds_basis}"
        yield Tile("Time saved", duration(found.seconds_saved), basis, strong=True)
    if found.money_saved is None:
        yield Tile("Money saved", "not known", found.money_basis)
    else:
        yield Tile("Money saved", amount(found.money_saved, found.currency), found.money_basis, strong=True)


def _stored(report: Report) -> str:
    """How much room the duplicates' files take, as far as it is known."""
    if report.bytes_saved is None:
        return ""
    part = "" if report.bytes_of == report.savings.duplicates else f" in {report.bytes_of:,} of them"
    return f"; their files take {report.bytes_saved / 1e6:,.1f} MB{part}"


def divided(groups: Sequence[Group], pictures: Mapping[TaskId, Any]) -> tuple[list[Part], list[Part]]:
    """What the gallery shows, and what is listed in tables.

    A group is in the gallery when any of its tasks has a picture, with the skips that have one and the first few
    that have none. Every skip is in exactly one of the two.
    """
    gallery, rest = [], []
    for number, group in enumerate(groups, 1):
        if group.representative in pictures or any(skip.task in pictures for skip in group.skips):
            bare = frozenset(skip.task for skip in islice((s for s in group.skips if s.task not in pictures), BARE))
            shown = tuple(skip for skip in group.skips if skip.task in pictures or skip.task in bare)
            gallery.append(Part(number, group, shown))
            if len(shown) < len(group.skips):
                there = frozenset(skip.task for skip in shown)
                rest.append(Part(number, group, tuple(skip for skip in group.skips if skip.task not in there)))
        else:
            rest.append(Part(number, group, group.skips))
    return gallery, rest


def _link(report: Report, task: TaskId) -> str | None:
    """Address of a task; none that a browser would run instead of open."""
    address = report.link(task)
    return address if address is not None and address.startswith(("http://", "https://")) else None


@cache
def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_shown
    )
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "percent": lambda value: "not known" if value is None else f"{value:.1f} %",
        "money": lambda value, currency: "not known" if value is None else amount(value, currency),
        "duration": lambda value: "not known" if value is None else duration(value),
        "moment": lambda name: name.replace("T", " ").removesuffix("Z"),  # the caption says that it is UTC
        "storage": _storage,
        "exact": json.dumps,  # a task's id for the script: number or text, in ASCII
    }
    return environment.from_string(_text("page.html.j2"))


def _shown(value: Any) -> Any:
    """Every text that the template places, without characters that turn or hide what stands around them."""
    return printable(value) if type(value) is str else value


def _storage(count: int) -> str:
    """Bytes for a person: ``512 B``, ``38 kB``, ``2.1 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.0f} kB" if count < 999_500 else f"{count / 1e6:,.1f} MB"
