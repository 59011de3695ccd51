"""Tokens and signed URLs stay secret: nothing that labelonce writes or prints has one, in failure too."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import traceback
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest

from labelonce import logs, redaction
from labelonce.redaction import HIDDEN, public, redacted, shown
from pictures import encoded, texture
from studio import Person
from web import Web, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "Hush0123456789"  # every secret has it
SIGNED = f"X-Amz-Signature={MARK}aws&X-Amz-Security-Token={MARK}session&sig={MARK}sas"
USER = f"someone:{MARK}password"
WEB_TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
# the thumbnail in place of the network; and every program that is started is written down
BEFORE = """
import os, sys
from labelonce import embedding
embedding.MODELS['lite0'] = embedding.MODELS['thumbnail']
def note(event, given):
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"):
        with open(os.environ["STARTED"], "a") as file:
            file.write(repr(given) + "\\n")
sys.addaudithook(note)
"""
MAIN = "from labelonce.cli import main; main()"
FAULT = """
from labelonce import pipeline
def fail(source, *given, **more):
    try:
        raise ValueError(f"cannot read {URL}")
    except ValueError as error:
        raise RuntimeError(f"token {os.environ['LABEL_STUDIO_API_KEY']} at {URL}") from error
pipeline.make_plan = fail
"""


@pytest.fixture(scope="module")
def personal_token(labels: Any, server: Any) -> str:
    """A personal access token, which is exchanged for short-lived ones; of somebody else, as each has one at most."""
    token = server.add_user("secrets@localhost.example", "labelonce-secrets")
    return str(Person(labels.url, token).call("POST", "/api/token/")["token"])


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    """A store of images behind signed URLs, some of which fail."""
    pictures = {f"/{seed}.png": encoded(texture(seed, (120, 90))) for seed in (1, 2)}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        port = handler.server.server_port
        places = {
            "/moved": f"http://{USER}@127.0.0.1:{port}/1.png?{SIGNED}",
            "/moved-away": f"http://{USER}@127.0.0.1:{port}/gone.png?{SIGNED}",
            "/moved-inside": f"http://{USER}@10.0.0.7/secret.png?{SIGNED}",
            "/moved-elsewhere": f"ftp://{USER}@127.0.0.1/a.png?{SIGNED}",
            "/moved-on-and-on": f"/moved-on-and-on?{SIGNED}",
        }
        if path in places:
            reply(handler, status=302, Location=places[path])
        elif path in pictures:
            assert MARK in query
            reply(handler, pictures[path], ETag=f'"{path}"')
        elif path == "/busy.png":
            reply(handler, status=503, Retry_After="0")
        elif path == "/page.png":
            reply(handler, f"<html>{SIGNED}</html>".encode())
        elif path == "/cut.png":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
            handler.close_connection = True
        elif path == "/packed.png":
            reply(handler, b"abc", Content_Encoding="gzip")
        else:
            reply(handler, f"no {SIGNED}".encode(), status=404)

    with closing(Web()) as made:
        made.answer = answer
        yield made


@pytest.fixture(scope="module")
def project(labels: Any, web: Web) -> int:
    """Tasks whose URLs are secret; some are fine, and others fail each in a way of its own."""
    owner = Person(labels.url, labels.token)
    number = owner.project()
    base = web.url.replace("http://", f"http://{USER}@")
    paths = ["/1.png", "/1.png", "/2.png", "/moved", "/moved-away", "/moved-inside", "/moved-elsewhere", "/busy.png",
             "/moved-on-and-on", "/page.png", "/cut.png", "/packed.png", "/gone.png", "/a b c.png"]  # fmt: skip
    images = [f"{base}{path}?n={position}&{SIGNED}#{MARK}" for position, path in enumerate(paths)]
    images += [
        f"http://{USER}@no-such-host.invalid/a.png?{SIGNED}",
        f"http://{USER}@127.0.0.1:9/a.png?{SIGNED}",
        f"http://{USER}@10.0.0.7/a.png?{SIGNED}",
        f"http://{USER}@[bad/a.png?{SIGNED}",
        f"http://{USER}@127.0.0.1:port/a.png?{SIGNED}",
        f"ftp://{USER}@127.0.0.1/a.png?{SIGNED}",
        f"s3://bucket/key.png?{SIGNED}",
        f"photo.png?{SIGNED}",
        f"/data/upload/9/gone.png?{SIGNED}",
        f"/data/local-files/?d=gone.png&{SIGNED}",
        f"{labels.url}/api/projects/?{SIGNED}",
        f"data:image/png;base64,{MARK}!?{SIGNED}",
    ]
    owner.import_tasks(number, [{"image": image} for image in images])
    return number


def leaks(content: bytes, *tokens: str) -> list[bytes]:
    """What of a text should be nowhere, with what stands around it."""
    found = [MARK.encode(), *(token.encode() for token in tokens)]
    places = [content.find(secret) for secret in found]
    places += [one.start() for one in WEB_TOKEN.finditer(content)]
    return [content[max(0, at - 80) : at + 80] for at in places if at >= 0]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_nothing_secret_is_written_or_printed(
    labels: Any, web: Web, project: int, personal_token: str, tmp_path: Path, log_format: str
) -> None:
    store = tmp_path / "store" / "store.sqlite3"
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO", "LABELONCE"))}
    environment = {
        **clean,
        "LABEL_STUDIO_URL": labels.url,
        "LABEL_STUDIO_API_KEY": personal_token,
        "LABELONCE_PROJECT": str(project),
        "LABELONCE_STORE": str(store),
        "LABELONCE_ALLOW_HOST": f"127.0.0.1:{web.httpd.server_port},127.0.0.1:9",
        "LABELONCE_LOG_FORMAT": log_format,
        "LABELONCE_WEBHOOK_SECRET": f"{MARK}-0123456789abcdef",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "STARTED": str(tmp_path / "started"),
    }
    first = min(task["id"] for task in Person(labels.url, labels.token).snapshot(project)["tasks"])
    typed = f"{web.url}/2.png?typed&{SIGNED}"
    output: dict[str, bytes] = {}

    def run(*arguments: object, before: str = BEFORE, codes: tuple[int, ...] = (0,)) -> bytes:
        command = [sys.executable, "-c", before + MAIN, *map(str, arguments)]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=120, check=False)
        output[" ".join(map(str, arguments[:2]))] = done.stdout + done.stderr
        assert done.returncode in codes, done.stderr[-2000:]
        return done.stdout + done.stderr

    said = run("plan", "-vv", "--output", "plan.json")
    assert b"moved-inside" in said or (tmp_path / "plan.csv").read_bytes().count(b"moved-inside")
    run("-vv", "apply", "plan.json", "--log-file", "apply.log")
    if log_format == "text":
        run("run", "-vv", "--json", codes=(0, 3))
        run("sync", "-vv", codes=(0, 3))
        run("report", "-vv", "--html", "report.html", "--csv", "report.csv")
        run("doctor", "-vv")
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "9.png").write_bytes(encoded(texture(9, (64, 48))))
        run("upload", "-vv", "photos")
        run("webhook", "install", "-vv", "--target", "http://127.0.0.1:9")
        run("webhook", "status", "-vv", codes=(1,))
        run("webhook", "remove", "-vv")
        assert b"2.png" in run("check", "-vv", typed, codes=(0, 4))
        run("check", "--json", typed, codes=(0, 4))
        run("similarity", "-vv", typed, f"{web.url}/1.png?{SIGNED}")
        run("similarity", typed, f"{web.url}/gone.png?{SIGNED}", codes=(1, 2, 3))
        run("neighbors", "-vv", first, codes=(0, 4))
        run("clusters", "-vv")
    told = run("run", "-vv", before=BEFORE + f"URL = 'http://{USER}@host/a.png?{SIGNED}'" + FAULT, codes=(1,))
    assert b"Traceback" in told
    assert b"RuntimeError: token" in told
    assert b"cannot read http://host/a.png?***" in told
    run("undo", "-vv")
    if log_format == "json":
        lines = [json.loads(line) for line in (tmp_path / "apply.log").read_text().splitlines()]
        assert len({line["run"] for line in lines}) == 1
        assert any(line["event"] == "request" and line["status"] == 200 and line["ms"] > 0 for line in lines)

    files = {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any("catalogue" in name for name in files)
    assert "labelonce.requests" in output["plan -vv"].decode()
    found = {name: leaks(content, personal_token) for name, content in {**output, **files}.items()}
    assert not {name: places for name, places in found.items() if places}
    marked = Person(labels.url, labels.token).snapshot(project)["tasks"]
    kept = json.dumps([{**task, "data": {**task["data"], "image": ""}} for task in marked]).encode()
    assert not leaks(kept, personal_token)
    assert not (tmp_path / "started").exists() or not leaks((tmp_path / "started").read_bytes(), personal_token)


def test_a_token_on_the_command_line_is_warned_about(labels: Any, tmp_path: Path) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO", "LABELONCE"))}
    command = [sys.executable, "-c", MAIN, "doctor", "--url", labels.url, "--api-key", labels.token]
    done = subprocess.run(command, env=clean, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "others on this machine can see --api-key" in done.stderr
    assert labels.token not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"https://{USER}@host:8080/a/b.png?{SIGNED}#{MARK}", "https://host:8080/a/b.png"),
        (f"//{USER}@host/a.png?{SIGNED}", "//host/a.png"),
        (f"/a.png?{SIGNED}", "/a.png"),
        (f"/data/local-files/?d=photos/a%20b.png&{SIGNED}", "/data/local-files/?d=photos/a%20b.png"),
        (f"s3://bucket/key.png?{SIGNED}", "s3://bucket/key.png"),
        (f"data:image/png;base64,{MARK}", "a data URI"),
        (f"http://{USER}@[bad?{SIGNED}", "a malformed URL"),
    ],
)
def test_urls_as_they_are_shown(url: str, text: str) -> None:
    assert shown(url) == public(url) == text
    assert MARK not in redacted(f"it says {url!r}.") or url.startswith("data:")


@pytest.mark.parametrize(
    "text",
    [
        f"HTTPConnectionPool(host='h', port=80): Max retries exceeded with url: /a.png?{MARK} (Caused by X)",
        f'http://h:80 "GET /a.png?{MARK} HTTP/1.1" 200 1',
        f"Incremented Retry for (url='/a.png?{MARK}'): Retry(total=1)",
        f"Retrying after connection broken by 'X': /a b.png?sig={MARK}",
        f"Authorization: Token {MARK}{MARK}",
        f"{{'Authorization': 'Bearer {MARK}{MARK}'}}",
        f'{{"refresh": "{MARK}", "password": "{MARK}"}}',
        f"https://account.blob.core.windows.net/c/a.png?sv=1&sig={MARK}%3D",
        f"https://storage.googleapis.com/b/a.png?X-Goog-Signature={MARK}",
        f"X-Amz-Signature={MARK}&x",
        f"ftp://someone:{MARK}@host/a.png",
        "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbiI6IkMifQ.c2lnbmF0dXJl",
    ],
)
def test_what_libraries_say_is_redacted(text: str) -> None:
    clean = redacted(text)
    assert not leaks(clean.encode())
    assert HIDDEN in clean or "@" in text


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a/b.png answered 404: there is no such file",
        "/data/local-files/?d=photos/a%20b.png answered 404",
        "Is it running, is the address right?",
        "The folder /photos/what? cannot be listed: Permission denied.",
        "set LABEL_STUDIO_API_KEY, for instance; the token: a text",
        "3 tokens = 3 words",
        "legacy token authentication has been disabled; Token authentication too",
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    assert redacted(text) == text


def test_secrets_that_are_named_are_cut_out_everywhere() -> None:
    redaction.hide("opensesame-17")
    redaction.hide("a")  # would be cut out of every word
    assert redacted("as opensesame-17 and xopensesame-17x") == f"as {HIDDEN} and x{HIDDEN}x"


@pytest.fixture
def configured() -> Iterator[Any]:
    """Logging as it was, afterwards."""
    before = {name: logging.getLogger(name).level for name in ("", "labelonce")}
    hook = sys.excepthook
    yield logs.configure
    logs.configure(0)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
    sys.excepthook = hook
    logging.captureWarnings(False)


def test_logs_of_both_formats(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("labelonce.test")
    assert configured(1, run_id="abc") == "abc"
    logs.event(log, logging.INFO, "plan made", project=3, url=f"http://{USER}@h/a?{MARK}", title="two words")
    log.debug("not shown")
    logging.getLogger("urllib3").info("not shown")
    line = capsys.readouterr().err
    head = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO    run=abc labelonce\.test: "
    assert re.fullmatch(head + r'plan made project=3 url=http://h/a\?\*\*\* title="two words"\n', line)
    configured(2, json=True)
    with logs.run("inner"):
        try:
            raise ValueError(f"http://{USER}@h/a?{SIGNED}")
        except ValueError:
            log.exception("it\nfailed")
        logs.request("GET", f"http://{USER}@h/a?{SIGNED}", 200, 0.0123, 1)
    failed, asked = (json.loads(text) for text in capsys.readouterr().err.splitlines())
    assert (failed["run"], failed["level"], failed["event"]) == ("inner", "error", "it\nfailed")
    assert failed["traceback"].endswith("ValueError: http://h/a?***\n")
    assert asked.items() >= {"method": "GET", "url": "http://h/a", "status": 200, "ms": 12.3, "retries": 1}.items()
    assert MARK not in str(failed) + str(asked)


def test_errors_that_nobody_expected_are_redacted(configured: Any, capsys: pytest.CaptureFixture[str]) -> None:
    configured(0)
    error = ValueError(f"http://{USER}@h/a?{SIGNED}")
    sys.excepthook(ValueError, error, None)
    said = capsys.readouterr().err
    assert "ValueError: http://h/a?***" in said
    assert MARK not in said
    assert MARK in "".join(traceback.format_exception(error))


def test_a_log_file_is_its_owners(configured: Any, tmp_path: Path) -> None:
    configured(1, file=tmp_path / "a.log")
    logging.getLogger("labelonce.test").info("something")
    assert (tmp_path / "a.log").stat().st_mode & 0o077 == 0
    assert "something" in (tmp_path / "a.log").read_text()
