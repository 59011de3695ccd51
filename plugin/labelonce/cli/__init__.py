"""The command line. Every command parses, opens, calls one function of the library and prints.

Exit codes: 0 done; 1 the server or the machine failed, run it again; 2 a setting or an argument is wrong;
3 done except for what the server refused or images that cannot be read; 4 an image that was looked up is not there;
5 another labelonce works on the project; 130 interrupted.
"""

import signal
import sys
from pathlib import Path

import click

from labelonce import __version__
from labelonce.cli import clusters, comparing, files, folders, projects, reporting, reviewing, serving, syncing, tuning
from labelonce.cli.exits import FAILED, INTERRUPTED, LOCKED, WRONG_SETTING
from labelonce.cli.logged import LoggedGroup, verbose
from labelonce.cli.streams import mend_streams
from labelonce.errors import ConfigurationError, LabelOnceError, LockedError, PlanError
from labelonce.logs import FORMATS
from labelonce.redaction import redacted, traceback_of


@click.group(cls=LoggedGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="labelonce")
@verbose
@click.option("--log-format", type=click.Choice(FORMATS), help="How log lines are written.")
@click.option("--log-file", type=click.Path(path_type=Path), help="Append log lines to this file.")
def cli(**_logs: object) -> None:
    """Label every image once.

    Finds the near-duplicate image tasks of a Label Studio project, skips them, tags them, and says what that saves.
    Tasks that people worked on are never touched, and `undo` puts everything back.

    \b
    export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=...
    labelonce doctor --project 3     is everything set up?
    labelonce plan --project 3       what would happen? writes nothing to Label Studio
    labelonce run --project 3        do it
    labelonce undo --project 3       take it back
    """


for _command in (
    projects.doctor,
    projects.plan,
    projects.apply,
    projects.run,
    projects.undo,
    reporting.report,
    reviewing.review,
    folders.folder,
    clusters.clusters,
    comparing.similarity,
    comparing.neighbors,
    comparing.check,
    files.group,
    files.dedupe,
    files.restore,
    syncing.sync,
    syncing.keep,
    syncing.distinct,
    syncing.same,
    syncing.upload,
    tuning.tune,
    serving.serve,
    serving.webhook,
):
    cli.add_command(_command)


def main() -> None:
    """Run the command line; errors become one clear line and an exit code."""
    mend_streams()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a run as Ctrl-C does
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Run it again: it continues where it stopped.", err=True)
        sys.exit(INTERRUPTED)
    except (ConfigurationError, PlanError) as error:
        click.echo(f"Error: {redacted(str(error))}", err=True)
        sys.exit(WRONG_SETTING)
    except LockedError as error:
        click.echo(f"Error: {redacted(str(error))}", err=True)
        sys.exit(LOCKED)
    except LabelOnceError as error:
        click.echo(f"Error: {redacted(str(error))}", err=True)
        sys.exit(FAILED)
    except OSError as error:  # a full disk, for instance; click itself ends quietly when a pipe is closed
        click.echo(f"Error: {redacted(str(error))}", err=True)
        sys.exit(FAILED)
    except Exception as error:  # a fault of labelonce's own: all that helps to find it, without what is secret
        click.echo(f"{traceback_of(error)}Error: labelonce itself failed. Please report it with these lines.", err=True)
        sys.exit(FAILED)
