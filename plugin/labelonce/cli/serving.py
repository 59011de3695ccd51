"""Commands that follow projects by Label Studio's webhooks."""

import sys
from typing import Any

import click

from labelonce.cli.exits import FAILED
from labelonce.cli.shared import as_json, connect
from labelonce.errors import ConfigurationError
from labelonce.options import settings_from, with_settings
from labelonce.progress import visible_progress
from labelonce.settings import OF_A_SYNC


@click.command()
@click.option(
    "--project",
    "-p",
    "projects",
    type=click.IntRange(min=1),
    multiple=True,
    envvar="LABELONCE_PROJECT",
    show_envvar=True,
    help="Number of a project; give it once for each project.",
)
@with_settings(*OF_A_SYNC, "serving", "secret", without=("project",))
def serve(projects: tuple[int, ...], **values: Any) -> None:
    """Receive Label Studio's webhooks, and sync each project when something has changed in it.

    Every project is synced at the start too, and now and then, because Label Studio sends each webhook only once.
    /healthz, /readyz and /metrics say how it is; they need no secret. SIGTERM ends it.

    Example: labelonce serve --project 3 --project 4
    """
    from labelonce.label_studio.server import Server
    from labelonce.serving import service
    from labelonce.serving.secret import webhook_secret

    configured = (click.get_current_context().default_map or {}).get("project")
    numbers = dict.fromkeys(projects or ([configured] if configured else []))
    if not numbers:
        raise ConfigurationError("Which projects? Give their numbers, as in --project 3 --project 4.")
    settings = settings_from(values)
    Server(settings.url, settings.api_key)  # a wrong address is told at once, not in every run
    secret = webhook_secret(settings)

    def ready(address: str) -> None:
        visible_progress().message(f"Serving project {', '.join(map(str, numbers))} at {address}")

    service.serve(list(numbers), settings, secret, ready)


@click.group()
def webhook() -> None:
    """Register `labelonce serve` at Label Studio.

    Example: labelonce webhook install --project 3 --target http://192.0.2.7:8090
    """


@webhook.command()
@with_settings("server", "secret")
@click.option("--target", metavar="URL", required=True, help="Address of `labelonce serve` as Label Studio reaches it.")
@click.option(
    "--skips",
    is_flag=True,
    help="Be told of people's skips at once too. It delays everybody's annotations by a webhook each; without it "
    "skips are noticed at the next sync.",
)
def install(target: str, skips: bool, **values: Any) -> None:
    """Register the webhook, or bring it up to date; a secret is made if there is none yet.

    Example: labelonce webhook install --project 3 --target http://192.0.2.7:8090
    """
    from labelonce.label_studio import webhooks
    from labelonce.serving.secret import webhook_secret

    settings = settings_from(values)
    server, project = connect(settings, with_images=False)
    webhooks.address(target, project.id)
    for one in webhooks.install(server, project.id, target, webhook_secret(settings, make=True), skips=skips):
        click.echo(f"Label Studio sends {', '.join(one.events)} of project {project.id} to {one.url}.")


@webhook.command()
@with_settings("server")
def remove(**values: Any) -> None:
    """Remove the webhook from Label Studio.

    Example: labelonce webhook remove --project 3
    """
    from labelonce.label_studio import webhooks

    server, project = connect(settings_from(values), with_images=False)
    count = webhooks.remove(server, project.id)
    click.echo(f"Removed {count} webhook{'' if count == 1 else 's'} of project {project.id}.")


@webhook.command()
@with_settings("server", "secret")
@as_json
def status(json_output: bool, **values: Any) -> None:
    """Say whether the webhook is there and whether `labelonce serve` answers at its address.

    Example: labelonce webhook status --project 3
    """
    from labelonce.label_studio import webhooks
    from labelonce.serving.secret import webhook_secret

    settings = settings_from(values)
    server, project = connect(settings, with_images=False)
    found = webhooks.find(server, project.id)
    secret = webhook_secret(settings) if found else ""
    rows: list[dict[str, Any]] = [
        {"url": one.url, "events": one.events, "active": one.active, "trouble": webhooks.trouble(one, secret)}
        for one in found
    ]
    if json_output:
        import json

        click.echo(json.dumps({"project": project.id, "webhooks": rows}))
    else:
        for row in rows:
            click.echo(f"{'BAD ' if row['trouble'] else 'ok  '} {', '.join(row['events'])} to {row['url']}")
            if row["trouble"]:
                click.echo(f"     {row['trouble']}")
        if not rows:
            click.echo(f"No webhook of labelonce's in project {project.id}: labelonce webhook install makes it.")
    if not rows or any(row["trouble"] for row in rows):
        sys.exit(FAILED)
