"""The command that helps to choose a threshold."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from labelonce.cli.shared import as_json, check_outputs, connect, folder_source, project_source, writing
from labelonce.errors import ConfigurationError
from labelonce.options import F, settings_from, with_settings
from labelonce.progress import Progress, visible_progress
from labelonce.settings import Settings
from labelonce.writing import PNG, table_sign

if TYPE_CHECKING:
    from labelonce.sources.base import Source

PICTURES = (".png", ".jpg", ".jpeg")


def _file(name: str, text: str) -> Callable[[F], F]:
    return click.option(name, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help=text)


@click.command()
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@with_settings("server", "images", "similarity", "thresholds")
@_file("--pairs", "CSV with the columns a,b,same of pairs that you judged: recommends the setting that fits them.")
@click.option(
    "--cost",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="With --pairs: how many missed duplicates a false one, which loses an image, weighs as much as.",
)
@_file("--plot", "PNG: images left to label against the threshold.")
@_file("--sheet", "PNG or JPEG: the most doubtful pairs side by side.")
@_file("--questions", "CSV for --pairs: the doubtful pairs of the sheet. Fill in the column same: 1 or 0.")
@_file("--csv", "Write the table as CSV.")
@as_json
def tune(
    folder: Path | None,
    pairs: Path | None,
    cost: float,
    plot: Path | None,
    sheet: Path | None,
    questions: Path | None,
    csv: Path | None,
    json_output: bool,
    **values: Any,
) -> None:
    """Say what each threshold would do, and which one fits pairs that you judged.

    On the folder PATH, or on a Label Studio project with --project. Nothing is changed there. In the file of --pairs,
    images are named by their paths relative to the folder, tasks by their numbers.

    Example: labelonce tune photos --plot tune.png --sheet doubtful.png
    """
    outputs = {"--plot": plot, "--sheet": sheet, "--questions": questions, "--csv": csv}
    settings, progress = settings_from(values), visible_progress()
    _check(outputs, folder, settings, judged=pairs is not None)
    if pairs is not None:
        _recommend(pairs, folder, settings, progress, cost, json_output)
    else:
        _sweep(outputs, folder, settings, progress, json_output)


def _check(outputs: dict[str, Path | None], folder: Path | None, settings: Settings, *, judged: bool) -> None:
    """Find bad names before the work."""
    from labelonce.tuning import contact_sheet, report

    for option, path in outputs.items():
        if path is None:
            continue
        if judged:
            raise ConfigurationError(f"--pairs recommends a setting and writes no file: leave {option} out.")
        kinds = {"--plot": PICTURES[:1], "--sheet": PICTURES}.get(option, ())
        if kinds and path.suffix.lower() not in kinds:
            raise ConfigurationError(f"{option} {path}: name a file that ends in {' or '.join(kinds)}.")
        if kinds and folder is not None and path.resolve().is_relative_to(folder.resolve()):
            raise ConfigurationError(
                f"{option} {path} lies in {folder}, where it would be one of the images. Name a file elsewhere."
            )
    plot, sheet, questions, csv = outputs.values()
    signs = {
        "--plot": (plot, PNG),
        "--sheet": (sheet, PNG if sheet is None else contact_sheet.sign_of(sheet)),
        "--questions": (questions, table_sign(report.QUESTIONS)),
        "--csv": (csv, table_sign(report.STEPS)),
    }
    check_outputs(signs, settings)
    if questions is not None:
        report.check_unanswered(questions)


def _source(folder: Path | None, settings: Settings, progress: Progress) -> "Source":
    if folder is not None:
        return folder_source(folder, settings)
    if settings.project is None:
        raise ConfigurationError("Name a folder, or a Label Studio project with --project.")
    server, project = connect(settings)
    return project_source(server, project, settings, progress)


def _sweep(
    outputs: dict[str, Path | None], folder: Path | None, settings: Settings, progress: Progress, json_output: bool
) -> None:
    from labelonce import report
    from labelonce.tuning import report as tuning_report
    from labelonce.tuning.sweeping import sweep

    source = _source(folder, settings, progress)
    found = sweep(source, settings, progress)
    plot, sheet, questions, csv = outputs.values()
    if plot is not None:
        from labelonce.tuning import plots

        with writing(plot):
            plots.save(plots.curve(found), plot)
    if sheet is not None:
        from labelonce.tuning import contact_sheet

        drawn = contact_sheet.draw(
            found.doubts,
            source,
            progress,
            title=tuning_report.title_of(found),
            max_pixels=settings.max_pixels,
            region=settings.region,
        )
        with writing(sheet):
            contact_sheet.save(drawn, sheet)
    if questions is not None:
        with writing(questions):
            tuning_report.save_questions(found.doubts, questions)
    if csv is not None:
        with writing(csv):
            tuning_report.save_steps(found.steps, csv)
    if json_output:
        report.print_json(tuning=tuning_report.sweep_as_dict(found))
        return
    tuning_report.print_sweep(found)
    written = [f"{path} ({option})" for option, path in outputs.items() if path is not None]
    click.echo(report.printable(f"Wrote {', '.join(written)}." if written else tuning_report.HINT))


def _recommend(
    pairs: Path, folder: Path | None, settings: Settings, progress: Progress, cost: float, json_output: bool
) -> None:
    from labelonce import report
    from labelonce.tuning import report as tuning_report
    from labelonce.tuning.advice import advise
    from labelonce.tuning.judgement import look, read_judgements

    judgements, unanswered = read_judgements(pairs)
    source = _source(folder, settings, progress)
    judged = look(pairs, judgements, source, settings, progress)
    advice = advise(judged, cost)
    if json_output:
        report.print_json(advice=tuning_report.advice_as_dict(advice, unanswered))
    else:
        tuning_report.print_advice(advice, unanswered)
