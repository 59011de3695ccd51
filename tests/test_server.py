"""The connection on a stub: redirects, strangers, tokens that must not stray, and servers that come and go."""

import base64
import json
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest

from labelonce.errors import AccessDenied, ConfigurationError, ImageUnavailable, NotFound, ServerError, Unreachable
from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from studio import Person
from web import Web, reply

LEGACY = "0123456789abcdef-legacy"


def token(**claims: object) -> str:
    """A JSON web token, as Label Studio's personal access tokens and access tokens are."""
    parts = ({"alg": "HS256"}, claims)
    packed = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*packed, "signature"])


PERSONAL = token(token_type="refresh", exp=8_000_000_000, iat=1)


@pytest.fixture
def web():
    with closing(Web()) as made:
        yield made


@pytest.fixture
def other():
    with closing(Web()) as made:
        yield made


class Exchange:
    """Label Studio's side of personal access tokens: numbered access tokens of a lifetime."""

    def __init__(self, lifetime: float) -> None:
        self.lifetime = lifetime
        self.made = 0
        self.refuse: set[str] = set()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/api/token/refresh/":
            self.made += 1
            access = token(number=self.made, iat=1000, exp=1000 + self.lifetime)  # a clock far from this machine's
            reply(handler, json.dumps({"access": access}).encode())
        elif handler.headers["Authorization"] in self.refuse:
            reply(handler, b'{"detail": "token not valid"}', 401)
        else:
            reply(handler, b"[]")


@pytest.mark.parametrize("key", [LEGACY, PERSONAL])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_named_and_the_token_stays(web, other, key, status):
    web.answer = lambda handler: reply(handler, status=status, Location=f"{other.url}{handler.path}?secret=1")
    with pytest.raises(ServerError, match=f"sends requests on to {other.url}\\. Give the address") as caught:
        Server(web.url, key).get("/api/version")
    assert "secret" not in str(caught.value)
    assert other.seen == []


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/labels/api/version", "/labels\\. Give"),
        ("/user/login/?next=/", "/user/login/\\. Give"),
        ("https://u:p@labels.example/api/version", "to https://labels.example\\. Give"),
        ("http://[", "malformed"),
    ],
)
def test_redirects_elsewhere(web, location, text):
    web.answer = lambda handler: reply(handler, status=302, Location=location)
    with pytest.raises(ServerError, match=text):
        Server(web.url, LEGACY).get("/api/version")


@pytest.mark.parametrize("key", [LEGACY, PERSONAL])
@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        (200, ServerError, "own address"),
        (401, AccessDenied, "something in front of it"),
        (403, AccessDenied, "something in front of it"),
        (404, ServerError, "own address"),
        (405, ServerError, "answered 405"),
    ],
)
def test_a_web_page_is_no_label_studio(web, key, status, kind, text):
    web.answer = lambda handler: reply(handler, b"<html>welcome</html>", status)
    with pytest.raises(kind, match=text) as caught:
        Server(web.url, key).get("/api/version")
    assert not isinstance(caught.value, NotFound)


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'"text"', b"null", b""])
def test_json_of_something_else(web, answer):
    web.answer = lambda handler: reply(handler, answer)
    with pytest.raises(ServerError, match="Label Studio"):
        read_project(Server(web.url, LEGACY), 1)
    with pytest.raises(ServerError, match="Label Studio"):
        Server(web.url, PERSONAL).get("/api/version")


def test_refusals(web):
    web.answer = lambda handler: reply(handler, b'{"detail": "You lack the role."}', 403)
    with pytest.raises(AccessDenied, match="may not do this: You lack the role"):
        read_project(Server(web.url, LEGACY), 1)


def test_no_answer_is_told_soon(web):
    free = web.url
    web.close()
    for key in (LEGACY, PERSONAL):
        started = time.monotonic()
        with pytest.raises(Unreachable, match="the connection is refused"):
            Server(free, key).get("/api/version")
        assert time.monotonic() - started < 5
    with pytest.raises(Unreachable, match="the name of the host is not known"):
        Server("http://no-such-host.invalid", LEGACY, retries=0).get("/api/version")


def test_a_server_that_never_answers():
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        started = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time"):
            Server(f"http://127.0.0.1:{silent.getsockname()[1]}", LEGACY, timeout=0.2).get("/api/version")
        assert time.monotonic() - started < 5


def test_a_server_that_speaks_no_tls(web):
    with pytest.raises(Unreachable, match="certificate"):
        Server(web.url.replace("http:", "https:"), LEGACY, retries=0).get("/api/version")


def test_a_server_that_restarts_is_waited_for(web):
    """Once it has answered; at first a wrong address is told sooner."""
    web.answer = lambda handler: reply(handler, b"[]", Connection="close")
    server = Server(web.url, LEGACY)
    server.get("/api/version")
    port, again = web.httpd.server_port, []
    web.close()

    def restart() -> None:
        made = Web(port)
        made.answer = lambda handler: reply(handler, b"[1]", Connection="close")
        again.append(made)

    timer = threading.Timer(1.5, restart)
    timer.start()
    try:
        assert server.get("/api/version") == [1]
    finally:
        timer.join()
        again[0].close()


def test_a_busy_server_is_asked_again(web):
    statuses = [503, 429]
    web.answer = lambda handler: reply(handler, b"[1]", statuses.pop() if statuses else 200, Retry_After="0")
    assert Server(web.url, LEGACY).post("/api/x/", {"a": 1}) == [1]
    assert web.bodies == [b'{"a": 1}'] * 3
    statuses = [503]
    with pytest.raises(ServerError, match="503"):
        Server(web.url, LEGACY).post("/api/x/", None, repeatable=False)


def test_an_exchange_survives_a_busy_server(web):
    exchange, busy = Exchange(300), [503, 502]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if busy:
            reply(handler, b"<html>busy</html>", busy.pop(), Retry_After="0")
        else:
            exchange(handler)

    web.answer = answer
    assert Server(web.url, PERSONAL).get("/api/version") == []
    assert exchange.made == 1


def test_an_access_token_is_made_once_and_again_before_it_runs_out(web):
    web.answer = exchange = Exchange(0.6)
    server = Server(web.url, PERSONAL)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: server.get("/api/version"), range(24)))
    assert exchange.made == 1
    time.sleep(0.4)
    server.get("/api/version")
    assert exchange.made == 2
    assert {json.loads(body)["refresh"] for body in web.bodies if body} == {PERSONAL}
    assert all(PERSONAL not in str(header) for _, header in web.seen)


def test_an_access_token_that_the_server_drops(web):
    web.answer = exchange = Exchange(300)
    server = Server(web.url, PERSONAL)
    exchange.refuse.add(server.authorization()["Authorization"])
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: server.get("/api/version"), range(24))) == [[]] * 24
    assert exchange.made == 2
    exchange.refuse.add(server.authorization()["Authorization"])
    assert ImageReader(server, timeout=5, max_bytes=100).fetch(1, "/data/upload/1/a.png").data == b"[]"
    assert exchange.made == 3
    web.answer = lambda handler: reply(handler, b'{"detail": "Token is blacklisted"}', 401)
    with pytest.raises(AccessDenied, match="run out"):
        server.get("/api/version")
    with pytest.raises(ImageUnavailable, match="refuses the token"):
        ImageReader(server, timeout=5, max_bytes=100).fetch(1, "/data/upload/1/a.png")


@pytest.mark.parametrize(
    "url",
    [
        "http://host:99999",
        "http://host:port",
        "http://[::1",
        "http://me:secret@host",
        "http://host/?tab=1",
        "http://h/#a",
    ],
)
def test_addresses_that_cannot_be(url):
    with pytest.raises(ConfigurationError, match="LABEL_STUDIO_URL") as caught:
        Server(url, LEGACY)
    assert "secret" not in str(caught.value)


def test_a_pasted_key(web):
    web.answer = lambda handler: reply(handler, b"[]")
    Server(f" {web.url}/ ", f" {LEGACY}\n").get("/api/version")
    assert web.seen == [("/api/version", f"Token {LEGACY}")]
    for key in ("two words", "schlüssel", "a\nb", " \n"):
        with pytest.raises(ConfigurationError, match="LABEL_STUDIO_API_KEY") as caught:
            Server(web.url, key)
        assert key.strip() == "" or key not in str(caught.value)


def test_a_pasted_address_of_a_project(labels):
    with pytest.raises(ServerError, match="own address, without the path of a project"):
        read_project(Server(f"{labels.url}/projects/1", labels.token), 1)


def test_tokens_stay_out_of_texts_and_logs(labels, web, caplog):
    caplog.set_level(logging.DEBUG)
    personal = Person(labels.url, labels.token).call("GET", "/api/token/")
    assert isinstance(personal, list)
    web.answer = exchange = Exchange(300)
    servers = [Server(web.url, PERSONAL), Server(web.url, LEGACY), Server(labels.url, "wrong-" + LEGACY)]
    access = servers[0].authorization()["Authorization"].removeprefix("Bearer ")
    texts = [caplog, *map(repr, servers)]
    for status in (200, 302, 400, 401, 403, 404):
        web.answer = lambda handler, status=status: (
            exchange(handler) if handler.path.endswith("refresh/") else reply(handler, b"{", status, Location="/x")
        )
        for server in servers:
            with pytest.raises(ServerError) as caught:
                server.get("/api/projects/99999/")
            texts.append(str(caught.value) + repr(caught.value))
    texts[0] = caplog.text
    assert "/api/projects/99999/" in caplog.text
    for secret in (PERSONAL, LEGACY, access):
        assert not any(secret in text for text in texts)
