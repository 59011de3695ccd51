"""What is wrong with the settings, the server or the project, and how to mend it."""

from collections.abc import Iterator
from dataclasses import dataclass

from labelonce.advice import kept_advice
from labelonce.errors import AccessDenied, LabelOnceError, ServerError
from labelonce.label_studio.listing import TaskState, read_all
from labelonce.label_studio.project import identity_of, read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.settings import Settings


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    fine: bool
    text: str


def examine(settings: Settings, progress: Progress) -> Iterator[Finding]:
    """Look at one thing after the other; the first that is broken hides the rest. Nothing is written."""
    check = "address and token"
    try:
        server = Server(settings.url, settings.api_key, timeout=min(settings.timeout, 15), retries=1)
        yield Finding(check, True, f"{server.url}, a token is given")
        check = "server"
        answer = server.get("/api/version")
        if not isinstance(answer, dict) or "release" not in answer:
            raise ServerError(f"What answers at {server.url} is not Label Studio. Check the address.")
        yield Finding(check, True, f"Label Studio {answer['release']} answers")
        check = "token"
        user = server.get("/api/current-user/whoami")
        yield Finding(check, True, f"accepted, as {user.get('email') or user.get('username')}")
        if settings.project is None:
            yield Finding("project", True, "none given; with --project N it is looked at too")
            return
        check = "project"
        project = read_project(server, settings.project)
        keys = ", ".join(field.key for field in project.fields)
        yield Finding(check, True, f"{project.id} ({project.title}), images under: {keys}")
        check = "skips"
        yield _skips(project.id, list(read_all(server, project.id, progress).values()))
        check = "more to skip"
        for hint in kept_advice(settings.store_path, identity_of(server, project.id)).hints:
            yield Finding(check, True, f"in the last plan that was made here, {hint}")
    except LabelOnceError as error:
        if check == "server" and isinstance(error, AccessDenied):
            check = "token"  # a personal access token is exchanged before anything else
        yield Finding(check, False, str(error))


def _skips(project: int, states: list[TaskState]) -> Finding:
    own = [state for state in states if state.own_skip is not None]
    back = [state for state in own if not state.is_labeled]
    if back:
        return Finding(
            "skips",
            False,
            f"{len(back):,} of {len(own):,} skipped duplicates would come back to annotators, because the project's "
            f"settings or these tasks were changed since. Mend it with: labelonce run --project {project}",
        )
    return Finding("skips", True, f"{len(own):,} duplicates are skipped, none of them comes back to annotators")
