"""Bytes of images from everywhere that Label Studio keeps them, and from servers that behave badly."""

import base64
import gzip
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from labelonce.errors import ImageUnavailable
from labelonce.label_studio.images import FIXED, ImageReader
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.label_studio import LabelStudioSource
from pictures import encoded, texture
from studio import Person
from web import Web, reply

PNG = encoded(texture(1), "PNG")
OTHER = encoded(texture(2), "PNG")
SECRET = "a-token-that-stays-home"


@pytest.fixture
def web():
    with closing(Web()) as made:
        made.answer = lambda handler: reply(handler, PNG)
        yield made


@pytest.fixture
def other():
    with closing(Web()) as made:
        made.answer = lambda handler: reply(handler, PNG)
        yield made


def reader(web: Web, *, timeout: float = 5.0, max_bytes: int = 1_000_000, **limits) -> ImageReader:
    """A reader whose Label Studio is the test's own web server."""
    limits = {"allow_host": "127.0.0.1", **limits}
    return ImageReader(Server(web.url, SECRET, timeout=timeout), timeout=timeout, max_bytes=max_bytes, **limits)


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
            assert source.read(task, task.images[0]).data == PNG, task.images[0]
    known = {task.images[0]: source.read(task, task.images[0]).validator for task in tasks if task.images[0] != missing}
    upload = next(location for location in known if location.startswith("/data/upload/"))
    assert [location for location, validator in known.items() if validator == FIXED] == [upload, uri]
    for task in tasks:
        if task.images[0] != missing:
            assert source.read(task, task.images[0], known[task.images[0]]) is None
    (photos / "a picture ü.png").write_bytes(OTHER)
    assert source.read(tasks[0], plain, known[plain]).data == OTHER
    (photos / "a picture ü.png").write_bytes(PNG)
    local = labels.url.replace("127.0.0.1", "localhost") + plain
    assert source.read(tasks[0], local).data == PNG
    with pytest.raises(ImageUnavailable, match=r"gone\.png answered 404: Label Studio finds no such file"):
        source.read(tasks[0], missing)
    with pytest.raises(ImageUnavailable, match=r"nothing\.png answered 500: .* uploaded file is gone"):
        source.read(tasks[0], "/data/upload/1/12345678-nothing.png")
    with pytest.raises(ImageUnavailable, match=r"s3://no-storage/key\.png answered 404"):
        source.read(tasks[0], "s3://no-storage/key.png")
    with pytest.raises(ImageUnavailable, match="asks for a login"):
        source.read(tasks[0], "/")
    with pytest.raises(ImageUnavailable):
        ImageReader(Server(labels.url, labels.token), timeout=30, max_bytes=1000).fetch(tasks[0].id, uri)


@pytest.mark.parametrize("presign", [True, False])
def test_cloud_storage_of_a_real_server(labels, web, presign):
    """Label Studio signs a URL of the bucket, or passes its bytes on; the bucket is a stub that takes any signature."""
    picture, tag = PNG, '"1"'

    def bucket(handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.partition("?")[0]
        if path == "/bucket/a%20key.png" and handler.headers.get("If-None-Match") == tag:
            reply(handler, status=304, ETag=tag)
        elif path == "/bucket/a%20key.png":
            reply(handler, picture, ETag=tag, Content_Type="image/png", Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT")
        else:
            reply(handler, status=200 if path.strip("/") == "bucket" else 404)

    web.answer = bucket
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project()
    storage = {"project": number, "bucket": "bucket", "s3_endpoint": web.url, "presign": presign, "use_blob_urls": True}
    keys = {"aws_access_key_id": "id", "aws_secret_access_key": "key", "region_name": "us-east-1"}
    owner.call("POST", "/api/storages/s3/", json={**storage, **keys})
    owner.import_tasks(number, [{"image": "s3://bucket/a key.png"}, {"image": "s3://bucket/gone.png"}])
    project = read_project(connection, number)
    limits = {"timeout": 30, "max_bytes": 1_000_000}
    here, gone = LabelStudioSource(connection, project, Progress(), **limits).tasks()
    closed = LabelStudioSource(connection, project, Progress(), **limits)
    if presign:  # the bucket lies on this machine, and not where Label Studio does
        with pytest.raises(ImageUnavailable, match=r"If it is yours: --allow-host 127\.0\.0\.1$"):
            closed.read(here, here.images[0])
        assert not any("key.png" in path for path, _ in web.seen)
    source = LabelStudioSource(connection, project, Progress(), **limits, allow_host="127.0.0.1")
    here, gone = source.tasks()
    assert here.images == ("s3://bucket/a key.png",)
    content = source.read(here, here.images[0])
    assert content.data == PNG
    assert source.read(here, here.images[0], content.validator) is None
    picture, tag = OTHER, '"2"'
    assert source.read(here, here.images[0], content.validator).data == OTHER
    assert not any(labels.token in str(token) for _, token in web.seen)
    with pytest.raises(ImageUnavailable, match=r"s3://bucket/gone\.png answered (404|424): .") as caught:
        source.read(gone, gone.images[0])
    assert "X-Amz" not in str(caught.value)


def test_the_token_goes_home_only(web, other):
    assert reader(web).fetch(1, "/data/upload/1/a.png").data == PNG
    assert web.seen == [("/data/upload/1/a.png", f"Token {SECRET}")]
    assert reader(web).fetch(1, f"{other.url}/a.png").data == PNG
    assert other.seen == [("/a.png", None)]


def test_no_token_along_a_redirect(web, other):
    web.answer = lambda handler: reply(handler, status=303, Location=f"{other.url}/signed?X-Signature=secret")
    assert reader(web).fetch(7, "s3://bucket/a key.png").data == PNG
    uri = base64.urlsafe_b64encode(b"s3://bucket/a key.png").decode()
    assert web.seen == [(f"/tasks/7/resolve/?fileuri={uri}", f"Token {SECRET}")]
    assert other.seen == [("/signed?X-Signature=secret", None)]
    other.answer = lambda handler: reply(handler, status=403)
    with pytest.raises(ImageUnavailable) as caught:
        reader(web).fetch(7, "s3://bucket/a key.png")
    assert "403" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("file:///etc/passwd", "not http"),
        ("/user/login/?next=/data", "login"),
        ("/again", "redirects"),
        ("http://[", "malformed"),
        ("http://127.0.0.1:port/", "malformed"),
    ],
)
def test_redirects_that_lead_nowhere(web, location, text):
    web.answer = lambda handler: reply(handler, status=302, Location=location)
    with pytest.raises(ImageUnavailable, match=text):
        reader(web).fetch(1, "/data/a.png")


def test_how_often_an_image_may_be_sent_on(web, other):
    other.answer = lambda handler: reply(handler, status=302, Location=f"{web.url}/b.png")
    assert reader(web, max_redirects=1).fetch(1, f"{other.url}/a.png").data == PNG
    with pytest.raises(ImageUnavailable, match="more than 0 redirects"):
        reader(web, max_redirects=0).fetch(1, f"{other.url}/a.png")


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("photo.png", "not a URL"),
        ("ftp://host/a.png", "not a URL"),
        ("file:///etc/passwd", "not a URL"),
        ("gopher://127.0.0.1/_x", "Images come by http, https, data, azure-blob, gs, redis, s3, s3s"),
        ("javascript:alert(1)", "not a URL"),
        ("../../etc/passwd", "not a URL"),
        ("data:nothing", "data URI"),
        ("data:image/png;base64,", "data URI"),
        ("data:image/png;base64,!!!!", "data URI"),
        ("data:image/png;base64,aGVsb", "data URI"),
        ("http://[::1/a.png", "malformed"),
        ("http://127.0.0.1:port/a.png", "malformed"),
        ("http://127.0.0.1:99999/a.png", "malformed"),
        ("http:///a.png", "malformed"),
        ("http://127.0.0.1:9/a.png?X-Signature=secret", "9/a.png cannot be fetched: the connection is refused"),
        ("http://user:secret@127.0.0.1:9/a.png", "//127.0.0.1:9/a.png cannot be fetched: the connection is refused"),
        ("http://no-such-host.invalid/a.png?secret", "the name of the host is not known"),
    ],
)
def test_what_cannot_be_fetched(web, location, text):
    with pytest.raises(ImageUnavailable, match=text) as caught:
        reader(web).fetch(1, location)
    assert web.seen == []
    assert "secret" not in str(caught.value)


def test_data_uris(web):
    packed = base64.b64encode(b"a picture?").decode()
    for location in (
        "data:text/plain,a%20picture%3F",
        f"data:image/png;base64,{packed}",
        f"DATA:image/png;charset=utf-8; BASE64,{packed[:6]}%0A{packed[6:]}",
        f"data:image/png;base64,{packed.rstrip('=')}",
    ):
        assert reader(web).fetch(1, location).data == b"a picture?"
    with pytest.raises(ImageUnavailable, match="max_bytes"):
        reader(web, max_bytes=5).fetch(1, f"data:image/png;base64,{packed}")


OLD, YOUNG = "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:01 GMT"


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"ETag": '"1"'}, ("If-None-Match", '"1"')),
        ({"ETag": 'W/"1"', "Last_Modified": OLD}, ("If-None-Match", 'W/"1"')),
        ({"Last_Modified": OLD}, ("If-Modified-Since", OLD)),
    ],
)
def test_a_server_is_asked_whether_an_image_changed(web, other, headers, asked):
    name, value = asked

    def conditional(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get(name) == value:
            reply(handler, status=304)
        else:
            reply(handler, PNG, **headers)

    other.answer = conditional
    web.answer = lambda handler: reply(handler, status=302, Location=f"{other.url}/a.png")
    for place in (other.url + "/a.png", "/redirected.png"):
        content = reader(web).fetch(1, place)
        assert content.data == PNG
        assert reader(web).fetch(1, place, content.validator) is None
    other.answer = lambda handler: reply(handler, OTHER, **headers)
    assert reader(web).fetch(1, f"{other.url}/a.png", content.validator).data == OTHER


@pytest.mark.parametrize("headers", [{}, {"Last_Modified": YOUNG}, {"Last_Modified": "long ago"}])
def test_what_a_server_says_too_little_of_is_fetched_again(web, monkeypatch, headers):
    """Two seconds old at least, or it may have been written twice in the second that Last-Modified tells."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        monkeypatch.setattr(handler, "date_time_string", lambda *_: "Mon, 01 Jan 2024 00:00:02 GMT")
        reply(handler, PNG, **headers)

    web.answer = answer
    assert reader(web).fetch(1, "/a.png").validator is None


def test_not_modified_counts_only_where_it_was_asked_for(web):
    web.answer = lambda handler: reply(handler, status=304)
    with pytest.raises(ImageUnavailable, match="304"):
        reader(web).fetch(1, "/a.png")


def test_what_never_changes_is_not_asked_for(web):
    upload = reader(web).fetch(1, f"{web.url}/data/upload/1/12345678-a.png")
    assert upload.validator == reader(web).fetch(1, "data:text/plain,a").validator == FIXED
    web.seen.clear()
    assert reader(web).fetch(1, f"{web.url}/data/upload/1/12345678-a.png", FIXED) is None
    assert web.seen == []
    assert reader(web).fetch(1, "/data/local-files/?d=/data/upload/1/a.png").validator is None


def test_a_url_that_parsers_read_differently_takes_the_token_nowhere(web, other):
    """To the standard library it lies on Label Studio, to the HTTP client on the other host."""
    tricky = f"{other.url}\\@{web.url.removeprefix('http://')}/a.png"
    assert reader(web).fetch(1, tricky).data == PNG
    other.answer = lambda handler: reply(handler, status=302, Location=tricky)
    assert reader(web).fetch(1, f"{other.url}/b.png").data == PNG
    assert [token for _, token in other.seen] == [None]


def test_other_names_of_the_same_server(web):
    port = web.httpd.server_port
    for host in ("localhost", "LOCALHOST", "127.0.0.1"):
        assert reader(web).fetch(1, f"http://{host}:{port}/a.png?b=c").data == PNG
    assert web.seen == [("/a.png?b=c", f"Token {SECRET}")] * 3


def test_label_studio_below_a_path(web):
    below = ImageReader(Server(web.url + "/labels/", SECRET), timeout=5, max_bytes=1_000_000)
    for location in ("/data/upload/1/a.png", "/labels/data/upload/1/a.png", f"{web.url}/labels/data/upload/1/a.png"):
        below.fetch(1, location)
    assert {path for path, _ in web.seen} == {"/labels/data/upload/1/a.png"}


def test_too_large(web):
    with pytest.raises(ImageUnavailable, match="max_bytes"):
        reader(web, max_bytes=1000).fetch(1, "/a.png")

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
        reader(web).fetch(1, "/a.png")


def test_a_redirect_with_a_long_text(web, other):
    sent = []

    def long(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"{other.url}/a.png")
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            while len(sent) < 10_000:
                handler.wfile.write(b"x" * 10_000)
                sent.append(10_000)
        except OSError:
            pass
        handler.close_connection = True

    web.answer = long
    assert reader(web).fetch(1, "/a.png").data == PNG
    assert len(sent) < 10_000


def test_a_stalled_answer(web):
    released = threading.Event()
    web.answer = lambda handler: (released.wait(20), reply(handler))[1]
    started = time.monotonic()
    with pytest.raises(ImageUnavailable, match="cannot be fetched: no answer in time"):
        reader(web, timeout=0.3).fetch(1, "/a.png?secret")
    released.set()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("beginning", [
    b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Header: ",
    b"HTTP/1.1 ",
    b"HTTP/1.1 100 Continue\r\nX: ",
    b"HTTP/1.1 302 Found\r\nX: ",
], ids=["length", "close", "chunks", "header", "status", "continue", "redirect"])  # fmt: skip
def test_an_answer_that_drips(web, beginning):
    """Each byte comes in time, the picture never would."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(beginning)
            for _ in range(1000):
                handler.wfile.write(b"0")
                time.sleep(0.05)
        except OSError:
            pass
        handler.close_connection = True

    web.answer = drip
    started = time.monotonic()
    with pytest.raises(ImageUnavailable, match=r"/a\.png takes more than 0\.5 s"):
        reader(web, image_timeout=0.5).fetch(1, "/a.png")
    assert time.monotonic() - started < 3


def test_an_answer_that_stalls_in_the_middle(web):
    released = threading.Event()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:100])
        handler.wfile.flush()
        released.wait(20)
        handler.close_connection = True

    web.answer = stall
    with pytest.raises(ImageUnavailable, match="no answer in time"):
        reader(web, timeout=0.3).fetch(1, "/a.png")
    released.set()


def test_an_answer_that_breaks_off(web):
    def broken(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG[:100])
        handler.close_connection = True

    web.answer = broken
    with pytest.raises(ImageUnavailable, match=r"broke off|cannot be fetched"):
        reader(web).fetch(1, "/a.png")


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
    assert reader(web).fetch(1, "/a.png").data == PNG
    assert len(web.seen) == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_what_asking_again_would_not_mend(web, status):
    web.answer = lambda handler: reply(handler, status=status)
    with pytest.raises(ImageUnavailable, match=str(status)):
        reader(web).fetch(1, "/a.png")
    assert len(web.seen) == 1


def test_compressed_answers(web):
    web.answer = lambda handler: reply(handler, gzip.compress(PNG), Content_Encoding="gzip")
    assert reader(web).fetch(1, "/a.png").data == PNG
    web.answer = lambda handler: reply(handler, gzip.compress(bytes(5_000_000)), Content_Encoding="gzip")
    with pytest.raises(ImageUnavailable, match="max_bytes"):
        reader(web).fetch(1, "/a.png")
    web.answer = lambda handler: reply(handler, b"not compressed", Content_Encoding="gzip")
    with pytest.raises(ImageUnavailable, match="compression"):
        reader(web).fetch(1, "/a.png")


def test_an_answer_in_pieces(web):
    def pieces(handler: BaseHTTPRequestHandler, end: bytes = b"0\r\n\r\n") -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(PNG), 1000):
            piece = PNG[start : start + 1000]
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        handler.wfile.write(end)
        handler.close_connection = not end

    web.answer = pieces
    assert reader(web).fetch(1, "/a.png").data == PNG
    web.answer = lambda handler: pieces(handler, b"")
    with pytest.raises(ImageUnavailable, match="broke off"):
        reader(web).fetch(1, "/a.png")


def test_a_busy_server_is_not_waited_for_longer_than_sensible(web, monkeypatch):
    from labelonce.label_studio import sessions

    monkeypatch.setattr(sessions, "LONGEST_RETRY_AFTER", 0.1)
    web.answer = lambda handler: reply(handler, status=503, Retry_After="86400")
    started = time.monotonic()
    with pytest.raises(ImageUnavailable, match="answered 503"):
        reader(web).fetch(1, "/a.png")
    web.answer = lambda handler: reply(handler, status=429, Retry_After="soon")
    with pytest.raises(ImageUnavailable, match="answered 429"):
        reader(web).fetch(1, "/a.png")
    assert time.monotonic() - started < 5
