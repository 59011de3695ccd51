"""Commands on a folder of images."""

from pathlib import Path
from typing import Any

import click

from labelonce.cli.shared import as_json, check_outputs, folder_savings, folder_source, plan_outputs, save, writing
from labelonce.options import settings_from, with_settings
from labelonce.progress import visible_progress
from labelonce.writing import table_sign


@click.command()
@click.argument("folder", metavar="PATH", type=click.Path(path_type=Path))
@with_settings("images", "similarity", "thresholds", "finding", "savings")
@click.option(
    "--decisions",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write file,representative for every image; a kept image names itself.",
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Save the plan as JSON and CSV.")
@as_json
def folder(folder: Path, decisions: Path | None, output: Path | None, json_output: bool, **values: Any) -> None:
    """Plan on a folder of images, without Label Studio. Nothing in the folder is changed.

    Example: labelonce folder photos --decisions decisions.csv
    """
    from labelonce import report
    from labelonce.planning import REPRESENTATIVES, save_representatives

    settings = settings_from(values)
    check_outputs({**plan_outputs(output), "--decisions": (decisions, table_sign(REPRESENTATIVES))}, settings)
    source = folder_source(folder, settings)

    from labelonce.pipeline import make_plan

    made = make_plan(source, settings, visible_progress())
    if decisions is not None:
        with writing(decisions):
            save_representatives(made, decisions)
    if output is not None:
        save(made, output)
    found = folder_savings(made, settings)
    if json_output:
        report.print_json(plan=made, savings=found)
        return
    report.print_plan(made)
    report.print_savings(found)
