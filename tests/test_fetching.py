"""Bytes of images from everywhere that Label Studio keeps them, and from servers that behave badly."""

import base64
import gzip
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from labelonce.errors import ImageUnavailable
from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.label_studio import LabelStudioSource
from pictures import encoded, texture
from studio import Person

PNG = encoded(texture(1), "PNG")
SECRET = "a-token-that-stays-home"


class Web:
    """A web server whose every answer a test decides, and which notes what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: reply(handler, PNG)
        self.seen: list[tuple[str, str | None]] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.seen.append((self.path, self.headers.get("Authorization")))
                web.answer(self)

            def log_message(self, *_arguments: object) -> None:
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.httpd.server_port}"
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.httpd.shutdown()
        self.httpd.server_close()


def reply(handler: BaseHTTPRequestHandler, body: bytes = b"", status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {"Content-Length": str(len(body)), **given}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def web():
    made = Web()
    yield made
    made.close()


@pytest.fixture
def other():
    made = Web()
    yield made
    made.close()


def reader(web: Web, *, timeout: float = 5.0, max_bytes: int = 1_000_000) -> ImageReader:
    """A reader whose Label Studio is the test's own web server."""
    return ImageReader(Server(web.url, SECRET, timeout=timeout), timeout=timeout, max_bytes=max_bytes)


def test_uploads_local_files_and_more_from_a_real_server(labels, server, tmp_path):
    owner = Person(labels.url, labels.token)
    project = owner.project()
    photos = server.document_root / f"photos-{project}"
    photos.mkdir()
    (photos / "a picture ü.png").write_bytes(PNG)
    storage = {"project": project, "path": str(photos), "regex_filter": ".*png", "use_blob_urls": True}
    made = owner.call("POST", "/api/storages/localfiles/", json=storage)
    owner.call("POST", f"/api/storages/localfiles/{made['id']}/sync")
    owner.upload(project, {"my photo ü.png": PNG})
    uri = "data:image/png;base64," + base64.b64encode(PNG).decode()
    plain = f"/data/local-files/?d={photos.name}/a%20picture%20%C3%BC.png"
    missing = f"/data/local-files/?d={photos.name}/gone.png"
    owner.import_tasks(project, [{"image": image} for image in (uri, plain, labels.url + plain, missing)])
    connection = Server(labels.url, labels.token)
    source = LabelStudioSource(
        connection, read_project(connection, project), Progress(), timeout=30, max_bytes=1_000_000
    )
    tasks = list(source.tasks())
    assert len(tasks) == 6
    for task in tasks:
        if task.images[0] == missing:
            with pytest.raises(ImageUnavailable, match="404"):
                source.read(task, missing)
        else:
            assert source.read(task, task.images[0]) == PNG, task.images[0]
    local = labels.url.replace("127.0.0.1", "localhost") + plain
    assert source.read(tasks[0], local) == PNG
    with pytest.raises(ImageUnavailable):
        source.read(tasks[0], "/data/upload/1/12345678-nothing.png")
    with pytest.raises(ImageUnavailable):
        source.read(tasks[0], "s3://no-storage/key.png")
    with pytest.raises(ImageUnavailable):
        ImageReader(Server(labels.url, labels.token), timeout=30, max_bytes=1000).read(tasks[0].id, uri)


def test_the_token_goes_home_only(web, other):
    assert reader(web).read(1, "/data/upload/1/a.png") == PNG
    assert web.seen == [("/data/upload/1/a.png", f"Token {SECRET}")]
    assert reader(web).read(1, f"{other.url}/a.png") == PNG
    assert other.seen == [("/a.png", None)]


def test_no_token_along_a_redirect(web, other):
    web.answer = lambda handler: reply(handler, status=303, Location=f"{other.url}/signed?X-Signature=secret")
    assert reader(web).read(7, "s3://bucket/a key.png") == PNG
    uri = base64.urlsafe_b64encode(b"s3://bucket/a key.png").decode()
    assert web.seen == [(f"/tasks/7/resolve/?fileuri={uri}", f"Token {SECRET}")]
    assert other.seen == [("/signed?X-Signature=secret", None)]
    other.answer = lambda handler: reply(handler, status=403)
    with pytest.raises(ImageUnavailable) as caught:
        reader(web).read(7, "s3://bucket/a key.png")
    assert "403" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("file:///etc/passwd", "not http"),
        ("/user/login/?next=/data", "login"),
        ("/again", "redirects"),
    ],
)
def test_redirects_that_lead_nowhere(web, location, text):
    web.answer = lambda handler: reply(handler, status=302, Location=location)
    with pytest.raises(ImageUnavailable, match=text):
        reader(web).read(1, "/data/a.png")


@pytest.mark.parametrize("location", ["", "   ", "photo.png", "ftp://host/a.png", "file:///etc/passwd", "data:nothing"])
def test_what_cannot_be_fetched(web, location):
    with pytest.raises(ImageUnavailable):
        reader(web).read(1, location)
    assert web.seen == []


def test_a_data_uri_may_be_percent_encoded(web):
    assert reader(web).read(1, "data:text/plain,a%20b") == b"a b"


def test_too_large(web):
    with pytest.raises(ImageUnavailable, match="max_bytes"):
        reader(web, max_bytes=1000).read(1, "/a.png")

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            for _ in range(10_000):
                handler.wfile.write(b"x" * 10_000)
        except OSError:
            pass
        handler.close_connection = True

    web.answer = endless
    with pytest.raises(ImageUnavailable, match="max_bytes"):
        reader(web).read(1, "/a.png")


def test_a_stalled_answer(web):
    released = threading.Event()
    web.answer = lambda handler: released.wait(20) and None
    started = time.monotonic()
    with pytest.raises(ImageUnavailable, match="cannot be fetched"):
        reader(web, timeout=0.3).read(1, "/a.png")
    released.set()
    assert time.monotonic() - started < 10


def test_an_answer_that_breaks_off(web):
    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:100])
        handler.close_connection = True

    web.answer = broken
    with pytest.raises(ImageUnavailable, match=r"broke off|cannot be fetched"):
        reader(web).read(1, "/a.png")


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_busy_server_is_asked_again(web, status):
    left = [1, 1]

    def busy(handler: BaseHTTPRequestHandler) -> None:
        if left:
            left.pop()
            reply(handler, status=status, Retry_After="0")
        else:
            reply(handler, PNG)

    web.answer = busy
    assert reader(web).read(1, "/a.png") == PNG
    assert len(web.seen) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_asking_again_would_not_mend(web, status):
    web.answer = lambda handler: reply(handler, status=status)
    with pytest.raises(ImageUnavailable, match=str(status)):
        reader(web).read(1, "/a.png")
    assert len(web.seen) == 1


def test_compressed_answers(web):
    web.answer = lambda handler: reply(handler, gzip.compress(PNG), Content_Encoding="gzip")
    assert reader(web).read(1, "/a.png") == PNG
