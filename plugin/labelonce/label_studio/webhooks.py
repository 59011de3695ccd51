"""Label Studio's webhooks that tell labelonce of changes: registering them, removing them, looking at them.

Two kinds. The one for tasks is sent without a payload: that something came or went is all there is to know, and Label
Studio need not write out thousands of tasks while somebody's import waits. The one for people's skips has to bring
its payload, since labelonce makes skips of its own, and so it delays everybody's annotations; it is there on demand.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from labelonce.errors import ConfigurationError, ServerError
from labelonce.label_studio.server import Server
from labelonce.label_studio.sessions import reason
from labelonce.redaction import shown

HEADER: Final = "X-Labelonce-Secret"  # not Authorization: what stands in front of a service may use that itself
TASKS: Final = ("TASKS_CREATED", "TASKS_DELETED")
SKIPS: Final = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED")
READY_SECONDS: Final = 5.0
READY_BYTES: Final = 65536  # a webhook may have been changed to lead anywhere


@dataclass(frozen=True)
class Webhook:
    """One of labelonce's webhooks, as Label Studio has it.

    Parameters
    ----------
    url
        Where it is sent.
    events
        Label Studio's names of them, ascending.
    secret
        What it brings; in no text.
    """

    id: int
    url: str
    active: bool
    events: tuple[str, ...]
    secret: str
    payload: bool

    def __repr__(self) -> str:
        return f"Webhook({self.id}, {shown(self.url)!r})"


def find(server: Server, project: int) -> list[Webhook]:
    """labelonce's webhooks of a project: those that bring its header."""
    rows: Iterable[Mapping[str, Any]] = server.get("/api/webhooks/", project=project)
    return [
        Webhook(
            id=row["id"],
            url=row["url"],
            active=row["is_active"],
            events=tuple(sorted(row["actions"])),
            secret=row["headers"][HEADER],
            payload=row["send_payload"],
        )
        for row in rows
        if HEADER in (row["headers"] or {}) and row["project"] == project
    ]


def install(server: Server, project: int, target: str, secret: str, *, skips: bool = False) -> list[Webhook]:
    """Register labelonce's webhooks, or bring those that are there up to date.

    Parameters
    ----------
    target
        Address of `labelonce serve` as Label Studio reaches it.
    skips
        Whether to be told of people's skips at once too.

    Raises
    ------
    ConfigurationError
        Label Studio does not take the address.
    """
    url = address(target, project)
    present = find(server, project)
    wanted = {False: TASKS, True: SKIPS} if skips else {False: TASKS}
    for payload, events in wanted.items():
        same = [one for one in present if one.payload == payload]
        body = {
            "project": project,
            "url": url,
            "send_payload": payload,
            "send_for_all_actions": False,
            "headers": {HEADER: secret},
            "is_active": True,
            "actions": list(events),
        }
        _write(server, "PATCH" if same else "POST", f"/api/webhooks/{same[0].id}/" if same else "/api/webhooks/", body)
        present = [one for one in present if one not in same[:1]]
    _delete(server, present)
    return find(server, project)


def remove(server: Server, project: int) -> int:
    """Delete labelonce's webhooks of a project; return how many there were."""
    present = find(server, project)
    _delete(server, present)
    return len(present)


def address(target: str, project: int) -> str:
    """Where the webhooks of a project go.

    Raises
    ------
    ConfigurationError
        The target is not an address of a web server.
    """
    try:
        parts = urlsplit(target.strip())
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        fine = fine and not (parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:
        fine = False
    if not fine:
        raise ConfigurationError(
            "The target is not an http(s) URL. Give the address of `labelonce serve` as Label Studio reaches it, "
            "as in --target http://192.0.2.7:8090."
        )
    return f"{parts.geturl().rstrip('/')}/webhooks/{project}"


def trouble(webhook: Webhook, secret: str) -> str | None:
    """What keeps a webhook from being served, as far as it can be seen from here; None where nothing does."""
    if not webhook.active:
        return "it is switched off in Label Studio: install it again"
    if webhook.secret != secret:
        return "it brings another secret than the one that is set here: install it again"
    ready = f"{webhook.url.rpartition('/webhooks/')[0]}/readyz"
    try:
        with requests.get(ready, timeout=READY_SECONDS, allow_redirects=False, stream=True) as answer:
            status, body = answer.status_code, next(answer.iter_content(READY_BYTES), b"")
    except requests.RequestException as error:
        return f"{shown(ready)} does not answer ({reason(error)}): is `labelonce serve` running?"
    try:
        told = "; ".join(map(str, json.loads(body)["troubles"]))[:300]
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"{shown(ready)} is not answered by `labelonce serve`: check the --target"
    plain = "".join(character if character.isprintable() else "?" for character in told)
    return None if status == 200 else f"{shown(ready)} answers {status}: {plain}"


def _write(server: Server, method: str, path: str, body: Mapping[str, Any]) -> None:
    """Send a webhook; twice the same is not made twice, since one that is there is found and changed."""
    answer = server.request(method, path, body=body, repeatable=method != "POST", accept=frozenset({400, 403}))
    if answer.ok:
        return
    told = " ".join(answer.text.split())[:300]
    if "reserved network address" in told or "SSRF" in told:
        raise ConfigurationError(
            f"Label Studio does not send webhooks to {shown(body['url'])}, which is in a private network. Start it "
            "with SSRF_PROTECTION_ENABLED=false if you trust all who may register webhooks, or give a public address."
        )
    if answer.status_code == 400 and '"url"' in told:
        raise ConfigurationError(
            f"Label Studio does not take {shown(body['url'])} for an address. A host needs a dot in its name "
            "(localhost excepted): give its full name or its IP address."
        )
    raise ServerError(f"Label Studio refuses the webhook ({answer.status_code}): {told}")


def _delete(server: Server, webhooks: Iterable[Webhook]) -> None:
    for one in webhooks:
        server.request("DELETE", f"/api/webhooks/{one.id}/", accept=frozenset({404}))
