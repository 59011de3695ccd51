"""Charts of a report, as SVG in light and dark, drawn by matplotlib without a display."""

import io
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from labelonce.reporting.content import Choice, Group, Report
from labelonce.reporting.periods import moment_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT = 400, 250  # pixels of CSS: as wide as a phone, so that its letters stay readable there
INCH = 72.0  # points; matplotlib writes SVG in them
SIZES = (2, 3, 4, 5, 6, 11, 21, 51, 101)  # from which on a bar counts clusters
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif"]


@dataclass(frozen=True)
class Colours:
    """Of one scheme; the page's own."""

    accent: str
    text: str
    faint: str
    ground: str


LIGHT = Colours(accent="#0f6b66", text="#56616b", faint="#e1e5e8", ground="#ffffff")
DARK = Colours(accent="#5cc9be", text="#a3aeb8", faint="#2c353d", ground="#171d22")


@dataclass(frozen=True)
class Chart:
    """One chart, twice.

    Parameters
    ----------
    light, dark
        SVG as data URIs.
    alt
        What it shows, in a sentence.
    """

    light: str
    dark: str
    alt: str
    width: int = WIDTH
    height: int = HEIGHT


def whatif(report: Report) -> Chart | None:
    """What stricter thresholds leave to label, the present one marked; None where there is nothing to choose."""
    steps = sorted(report.choices, key=lambda one: one.similarity)
    if len(steps) < 2:
        return None
    first, last = steps[0], steps[-1]
    alt = f"From {first.left:,} images at {first.similarity:g} % to {last.left:,} at {last.similarity:g} %."
    return _chart(lambda axes, colours: _whatif(axes, colours, steps, report.savings.tasks), alt)


def over_time(report: Report) -> Chart | None:
    """Duplicates found so far, run by run; None before the second run."""
    points = [(moment, one.duplicates) for one in report.runs if (moment := moment_of(one.name)) is not None]
    if len(points) < 2:
        return None
    moments = [moment for moment, _ in points]
    totals = list(accumulate(duplicates for _, duplicates in points))
    alt = f"{totals[0]:,} duplicates after the first run, {totals[-1]:,} after {len(points):,} runs."
    return _chart(lambda axes, colours: _over_time(axes, colours, moments, totals), alt)


def cluster_sizes(report: Report) -> Chart | None:
    """How many clusters have how many images; None without clusters."""
    rows = sizes(report.groups)
    if not rows:
        return None
    name, most = max(rows, key=lambda row: row[1])
    alt = f"{sum(count for _, count in rows):,} clusters; most often, {most:,} times, of {name} images."
    return _chart(lambda axes, colours: _bars(axes, colours, rows), alt)


def sizes(groups: tuple[Group, ...]) -> list[tuple[str, int]]:
    """Sizes of clusters, and how many clusters have them, as rows; those that no cluster has are left out."""
    images: Counter[object] = Counter()
    for group in groups:
        images[group.cluster] += 1 + len(group.skips)
    found = Counter(max(step for step in SIZES if step <= size) for size in images.values())
    return [(_name(place), found[step]) for place, step in enumerate(SIZES) if found[step]]


def _name(place: int) -> str:
    if place + 1 == len(SIZES):
        return f"over {SIZES[place] - 1}"
    first, last = SIZES[place], SIZES[place + 1] - 1
    return str(first) if first == last else f"{first}-{last}"


def _whatif(axes: "Axes", colours: Colours, steps: list[Choice], tasks: int) -> None:
    similarity, left = [one.similarity for one in steps], [one.left for one in steps]
    axes.fill_between(similarity, left, color=colours.accent, alpha=0.12, linewidth=0)
    axes.plot(similarity, left, color=colours.accent, linewidth=2)
    for one in steps:
        if one.present:
            beside = (10, -16 if one.left > tasks / 5 else 8)  # below the curve, but not on the axis
            axes.plot(
                [one.similarity], [one.left], "o", color=colours.ground, markeredgecolor=colours.accent,
                markeredgewidth=2, markersize=8, clip_on=False, zorder=4,
            )  # fmt: skip
            axes.annotate(
                f"now: {one.left:,}", (one.similarity, one.left), beside, textcoords="offset points",
                color=colours.accent, weight="bold",
            )  # fmt: skip
    axes.set_ylim(0, 1.05 * max(1, tasks))
    axes.set_xlim(similarity[0], similarity[-1])
    axes.set_xlabel("least similarity of a duplicate, %")
    axes.set_ylabel("images left to label")


def _over_time(axes: "Axes", colours: Colours, moments: list[datetime], totals: list[int]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    days = [float(date2num(moment)) for moment in moments]
    axes.fill_between(days, totals, step="post", color=colours.accent, alpha=0.12, linewidth=0)
    axes.step(days, totals, where="post", color=colours.accent, linewidth=2)
    if len(days) <= 60:
        axes.plot(days, totals, "o", color=colours.accent, markersize=4, clip_on=False)
    dates = AutoDateLocator(minticks=2, maxticks=5)
    axes.xaxis.set_major_locator(dates)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    axes.set_ylim(0, 1.05 * max(1, totals[-1]))
    axes.set_xlabel("run, UTC")
    axes.set_ylabel("duplicates so far")


def _bars(axes: "Axes", colours: Colours, rows: list[tuple[str, int]]) -> None:
    bars = axes.bar([name for name, _ in rows], [count for _, count in rows], color=colours.accent, width=0.62)
    axes.bar_label(bars, labels=[f"{count:,}" for _, count in rows], color=colours.text, padding=2)
    axes.set_xlim(-0.6, max(3, len(rows)) - 0.4)
    axes.set_ylim(0, 1.15 * max(count for _, count in rows))
    axes.set_xlabel("images in a cluster")
    axes.set_ylabel("clusters")


def _chart(draw: Callable[["Axes", Colours], None], alt: str) -> Chart:
    return Chart(_svg(draw, LIGHT), _svg(draw, DARK), alt)


def _svg(draw: Callable[["Axes", Colours], None], colours: Colours) -> str:
    """Draw with letters of the reader's own fonts; equal figures are equal texts."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    # matplotlib measures with the one font that it brings along; the reader's are put into the text afterwards
    style = {"svg.hashsalt": "labelonce", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 8.5}
    with mpl.rc_context(style):
        figure = Figure(figsize=(WIDTH * 0.75 / INCH, HEIGHT * 0.75 / INCH), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(visible=True, axis="y", color=colours.faint, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(colours.faint)
        axes.tick_params(colors=colours.text, length=0, pad=5)
        draw(axes, colours)
        for label in (axes.xaxis.label, axes.yaxis.label, axes.xaxis.get_offset_text()):
            label.set_color(colours.text)
        file = io.BytesIO()
        nameless = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", metadata=nameless)
    fonts = ", ".join(f"'{name}'" if " " in name else name for name in FONTS)
    text = file.getvalue().decode().replace("'DejaVu Sans'", fonts)
    return f"data:image/svg+xml;base64,{b64encode(text.encode()).decode()}"
