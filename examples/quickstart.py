"""Shows labelonce at work: a private Label Studio, a project of photos, and only the unique ones left to label.

    python3 examples/quickstart.py [FOLDER]

The first start installs everything and takes some minutes; later ones take seconds. Standard library only.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from environments import ROOT, STATE, SetupError, all_environments, check_python
from label_studio_server import LabelStudioServer, ServerError, opener

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DATA = STATE / "data"
PHOTOS = ROOT / "examples" / "photos"
USUAL_PORT = 8080
LABEL_CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="Object"/></RectangleLabels></View>'
)
MEDIA_TYPES = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
# Label Studio refuses these at upload: browsers do not show them.
UNSHOWN = (".tif", ".tiff")

_BATCH_FILES = 50
_BATCH_BYTES = 32 * 2**20
# nobody has labelled in the demo yet, so what a label costs is assumed
ASSUMED = ("--seconds-per-label", "20", "--hourly-rate", "25")
_LARGEST_BYTES = 200 * 2**20


class UsageError(Exception):
    """The command cannot do what it was asked to; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parse(arguments)
    signal.signal(signal.SIGTERM, _terminate)
    server = LabelStudioServer(DATA, options.port)
    try:
        if options.stop_server:
            print("Label Studio is stopped." if _stopped(server) else "No Label Studio of this checkout runs.")
            return 0
        check_python()
        photos = find_photos(options.folder)
        labelonce = all_environments()[0].with_name("labelonce")
        if options.fresh:
            server.stop()
            shutil.rmtree(DATA, ignore_errors=True)
        return _show(server, labelonce, options.folder, photos, stop=options.stop)
    except (UsageError, SetupError, ServerError) as error:
        print(f"\nquickstart: {error}", file=sys.stderr)
        return 2
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")[:500]
        print(f"\nquickstart: Label Studio answered {error.code} to {error.url}: {text}", file=sys.stderr)
        return 1
    except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
        print(f"\nquickstart: Label Studio does not answer: {error}. Its log: {server.log}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def find_photos(folder: Path) -> list[Path]:
    """Return the images under `folder` that Label Studio takes, sorted by name."""
    if not folder.exists():
        raise UsageError(f"{folder} does not exist.")
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file: give the folder that holds the photos.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    images = [path for path in files if path.suffix.lower() in MEDIA_TYPES]
    unshown = sum(path.suffix.lower() in UNSHOWN for path in files)
    if unshown:
        print(f"Left out: {unshown} TIFF files, which Label Studio does not take.")
    usable = [path for path in images if 0 < path.stat().st_size <= _LARGEST_BYTES]
    if len(usable) < len(images):
        print(f"Left out: {len(images) - len(usable)} files that are empty or larger than 200 MB.")
    if not usable:
        kinds = " ".join(sorted(MEDIA_TYPES))
        raise UsageError(f"{folder} holds no images that Label Studio takes ({kinds}).")
    return usable


def _show(server: LabelStudioServer, labelonce: Path, folder: Path, photos: Sequence[Path], *, stop: bool) -> int:
    if server.port == 0 and not server.running():
        server.port = _usual_port()
    done = False
    try:
        server.start(detached=True)
        project = _project(server, folder, photos)
        print(f"\n$ labelonce run --project {project} {' '.join(ASSUMED)}", flush=True)
        code = _run_labelonce(server, labelonce, project)
        done = True
    finally:
        # A server that was here before this call stays, however the call ends.
        if stop or (server.started_here and not done):
            server.stop()
    _explain(server, project, code, folder, stopped=stop)
    return code


def _project(server: LabelStudioServer, folder: Path, photos: Sequence[Path]) -> int:
    """Return the project with exactly these photos: the one of an earlier start, or a new one."""
    manifest_path = DATA / "quickstart.json"
    manifest: dict[str, Any] = {}
    with suppress(FileNotFoundError, ValueError):
        manifest = json.loads(manifest_path.read_text())
    name = str(folder.resolve())
    content = _fingerprint(folder, photos)
    known = manifest.get(name, {})
    found = _find_project(server, known.get("project"))
    if found is not None:
        if known["photos"] == content and found["task_number"] == len(photos):
            print(f"Project {found['id']} holds these {len(photos)} photos already.")
            return int(found["id"])
        if not known["complete"] and not found["total_annotations_number"]:
            server.request("DELETE", f"/api/projects/{found['id']}/")
    title = _title(folder)
    settings = {"title": title, "label_config": LABEL_CONFIG}
    project = int(server.request("POST", "/api/projects/", settings)["id"])

    def note(*, complete: bool) -> None:
        manifest[name] = {"project": project, "photos": content, "complete": complete}
        manifest_path.write_text(json.dumps(manifest, indent=2) + "\n")

    note(complete=False)
    sent = 0
    for batch in _batches(photos):
        sent += _upload(server, project, batch)
        # One line that counts up on a terminal, plain lines in a log.
        end = "\r" if sys.stdout.isatty() and sent < len(photos) else "\n"
        print(f"Project {project} “{title}”: {sent} of {len(photos)} photos", end=end, flush=True)
    if sent != len(photos):
        raise ServerError(f"Label Studio made {sent} tasks of {len(photos)} photos; see {server.log}.")
    note(complete=True)
    return project


def _find_project(server: LabelStudioServer, project: int | None) -> dict[str, Any] | None:
    if project is None:
        return None
    try:
        found: dict[str, Any] = server.request("GET", f"/api/projects/{project}/")
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return None
    return found


def _fingerprint(folder: Path, photos: Iterable[Path]) -> str:
    listing = [(str(photo.relative_to(folder)), photo.stat().st_size) for photo in photos]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _title(folder: Path) -> str:
    if folder.resolve() == PHOTOS.resolve():
        return "Sample photos"
    name = folder.resolve().name
    return name[:50] if len(name) >= 3 else f"Photos {name}".strip()


def _batches(photos: Iterable[Path]) -> Iterator[list[Path]]:
    batch: list[Path] = []
    size = 0
    for photo in photos:
        bytes_ = photo.stat().st_size
        if batch and (len(batch) == _BATCH_FILES or size + bytes_ > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(photo)
        size += bytes_
    if batch:
        yield batch


def _upload(server: LabelStudioServer, project: int, photos: Sequence[Path]) -> int:
    """Upload `photos` in one request and return how many tasks they became."""
    boundary = uuid.uuid4().hex
    body = bytearray()
    for number, photo in enumerate(photos):
        name = photo.name.translate({ord('"'): "_", ord("\\"): "_", ord("\r"): "_", ord("\n"): "_"})
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="file{number}"; filename="{name}"\r\n'
            f"Content-Type: {MEDIA_TYPES[photo.suffix.lower()]}\r\n\r\n"
        )
        body += head.encode(errors="replace") + photo.read_bytes() + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    call = urllib.request.Request(  # noqa: S310 - always the private server
        f"{server.url}/api/projects/{project}/import",
        bytes(body),
        {"Authorization": f"Token {server.token}", "Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    with opener().open(call, timeout=600) as answer:
        return int(json.load(answer)["task_count"])


def _run_labelonce(server: LabelStudioServer, labelonce: Path, project: int) -> int:
    local = ",".join(filter(None, (os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1")))
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.token,
        "LABELONCE_STORE": str(DATA.parent / "store.sqlite3"),
        "NO_PROXY": local,
        "no_proxy": local,
    }
    process = subprocess.Popen([str(labelonce), "run", "--project", str(project), *ASSUMED], env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal has sent the interrupt to labelonce too: let it end its own way.
        process.wait()
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _explain(server: LabelStudioServer, project: int, code: int, folder: Path, *, stopped: bool) -> None:
    me = "python3 examples/quickstart.py"
    print()
    if code:
        print(f"labelonce ended with exit code {code}; its message is above.")
    if stopped:
        again = me if folder == PHOTOS else f"{me} {shlex.quote(str(folder))}"
        print(f"Label Studio is stopped. Start it again with: {again}")
        return
    print(f"Look at it:    {server.url}/projects/{project}/data")
    print(f"Log in with:   {server.email} / {server.password}")
    if not code:
        print("What to see:   the tabs “labelonce: to label” and “labelonce: duplicates”;")
        print("               press “Label All Tasks”: only unique images come.")
        print("Undo it:       " + f"LABEL_STUDIO_URL={server.url} LABEL_STUDIO_API_KEY={server.token} \\")
        print(f"               .venv/bin/labelonce undo --project {project}")
    print(f"Stop it:       {me} --stop-server")


def _stopped(server: LabelStudioServer) -> bool:
    """Stop the server and say whether one ran."""
    ran = server.running()
    server.stop()
    return ran


def _usual_port() -> int:
    """Return the port to start on: Label Studio's usual one, or 0 (any) when another program has it."""
    with socket.socket() as probe:
        return 0 if probe.connect_ex(("127.0.0.1", USUAL_PORT)) == 0 else USUAL_PORT


def _terminate(*_: object) -> NoReturn:
    # An exception, so that a server of this call is stopped on the way out.
    sys.exit(143)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="quickstart.py", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", type=Path, default=PHOTOS, help="your own photos (default: the samples)")
    parser.add_argument("--stop", action="store_true", help="stop Label Studio at the end (or LABELONCE_DEMO_STOP=1)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: 8080, or any free one)")
    parser.add_argument("--fresh", action="store_true", help="delete the demo's Label Studio data first")
    parser.add_argument("--stop-server", action="store_true", help="only stop the Label Studio that was left running")
    options = parser.parse_args(arguments)
    options.stop = options.stop or os.environ.get("LABELONCE_DEMO_STOP") == "1"
    return options


if __name__ == "__main__":
    sys.exit(main())
