"""Which hosts images are fetched from: judged after resolution, connected to as judged, and on every redirect again."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import trustme

from labelonce.addresses import AddressRefused, AllowedHosts, why_refused
from labelonce.errors import ConfigurationError, ImageUnavailable
from labelonce.label_studio.images import ImageReader
from labelonce.label_studio.server import Server
from labelonce.sources.folder import FolderSource
from labelonce.sources.named import NamedSource
from pictures import encoded, texture
from web import Web, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PNG = encoded(texture(1, (32, 24)), "PNG")
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


@pytest.fixture
def home() -> Iterator[Web]:
    """Label Studio."""
    with closing(Web()) as made:
        made.answer = lambda handler: reply(handler, PNG)
        yield made


@pytest.fixture
def inside() -> Iterator[Web]:
    """What only this machine can reach."""
    with closing(Web()) as made:
        made.answer = lambda handler: reply(handler, PNG)
        yield made


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names and, for each time that one is looked up, its addresses; the last stay."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *given: object, **more: object) -> list[object]:
        if host in known:
            answers = known[host]
            found = answers.pop(0) if len(answers) > 1 else answers[0]
            return [one for address in found for one in real(address, port, type=socket.SOCK_STREAM)]
        return real(host, port, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that connections are made to; none outside of this machine comes about."""
    seen: list[str] = []
    real = socket.socket.connect

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        seen.append(address[0])
        if not ipaddress.ip_address(address[0]).is_loopback:
            raise ConnectionRefusedError
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return seen


def reader(home: Web, **limits: object) -> ImageReader:
    return ImageReader(Server(home.url, "a-token"), **{"timeout": 5, "max_bytes": 1_000_000, **limits})


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1", "machine"),
        ("127.255.255.254", "machine"),
        ("::1", "machine"),
        ("0.0.0.0", "no host"),  # noqa: S104
        ("::", "no host"),
        ("0.1.2.3", "private"),
        ("10.0.0.7", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "reserved"),
        ("100.100.100.200", "metadata"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "metadata"),
        ("168.63.129.16", "metadata"),
        ("192.0.0.192", "metadata"),
        ("192.0.2.1", "private"),
        ("198.18.0.1", "private"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.1", "private"),
        ("255.255.255.255", "private"),
        ("fd00:ec2::254", "metadata"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fe80::1", "link-local"),
        ("fe80::1%lo", "link-local"),
        ("fec0::1", "private"),
        ("ff02::1", "multicast"),
        ("100::1", "private"),
        ("2001:db8::1", "private"),
        ("2001::1", "private"),
        ("4000::1", "reserved"),
        ("64:ff9b:1::1", "reserved|private"),
        ("::ffff:127.0.0.1", "machine"),
        ("::ffff:10.0.0.7", "private"),
        ("::ffff:169.254.169.254", "metadata"),
        ("::127.0.0.1", "machine"),
        ("2002:7f00:1::", "machine"),
        ("2002:a9fe:a9fe::1", "metadata"),
        ("64:ff9b::10.0.0.7", "private"),
        ("64:ff9b::127.0.0.1", "machine"),
        (PUBLIC, None),
        ("8.8.8.8", None),
        ("172.32.0.1", None),
        ("2606:4700::1111", None),
        ("::ffff:8.8.8.8", None),
        ("64:ff9b::8.8.8.8", None),
        ("2002:808:808::1", None),
    ],
)
def test_addresses(address: str, why: str | None) -> None:
    found = why_refused(ipaddress.ip_address(address))
    assert (found is None) == (why is None), found
    assert why is None or any(word in found for word in why.split("|"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "017700000001", "localhost",
     "LOCALHOST", "localhost.", "0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:ffff:7f00:1]",
     "①②⑦.⓪.⓪.①", "127。0。0。1"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["directly", "by a redirect"])
def test_no_spelling_of_this_machine_is_fetched_from(home: Web, inside: Web, host: str, way: str) -> None:
    url = f"http://{host}:{inside.httpd.server_port}/secret.png"
    home.answer = lambda handler: reply(handler, status=302, Location=url.encode("utf-8").decode("latin-1"))
    with pytest.raises(ImageUnavailable) as caught:
        reader(home).fetch(1, url if way == "directly" else "/a.png")
    assert inside.seen == []
    if host.isascii():
        assert "--allow-host" in str(caught.value)


def test_the_message_says_what_was_refused_and_how_to_allow_it(home: Web, names: dict[str, list[list[str]]]) -> None:
    names["nas.test"] = [[PRIVATE]]
    with pytest.raises(ImageUnavailable) as caught:
        reader(home).fetch(1, "http://user:word@nas.test/a.png?sig=secret")
    assert str(caught.value) == (
        "http://nas.test/a.png is not fetched: nas.test lies in a private network (10.0.0.7), where images are not "
        "fetched from. If it is yours: --allow-host 10.0.0.7"
    )


def test_one_bad_address_among_good_ones_is_enough(
    home: Web, names: dict[str, list[list[str]]], connected: list[str]
) -> None:
    names["mixed.test"] = [[PUBLIC, PRIVATE]]
    with pytest.raises(ImageUnavailable, match="private network"):
        reader(home).fetch(1, "http://mixed.test/a.png")
    assert connected == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_resolves_otherwise_a_moment_later_gains_nothing(
    home: Web, inside: Web, names: dict[str, list[list[str]]], connected: list[str], scheme: str
) -> None:
    names["rebind.test"] = [[PUBLIC], ["127.0.0.1"]]
    url = f"{scheme}://rebind.test:{inside.httpd.server_port}/a.png"
    with pytest.raises(ImageUnavailable, match="lies on the machine"):  # the second look, for the first retry
        reader(home).fetch(1, url)
    assert connected == [PUBLIC]
    assert inside.seen == []


def test_the_host_keeps_its_name(home: Web, inside: Web, names: dict[str, list[list[str]]]) -> None:
    names["nas.test"] = [["127.0.0.1"]]
    hosts = []
    inside.answer = lambda handler: (hosts.append(handler.headers["Host"]), reply(handler, PNG))[1]
    port = inside.httpd.server_port
    assert reader(home, allow_host="nas.test").fetch(1, f"http://nas.test:{port}/a.png").data == PNG
    assert hosts == [f"nas.test:{port}"]


def test_tls_asks_for_the_name_and_checks_it(
    home: Web, names: dict[str, list[list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, asked = trustme.CA(), []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("nas.test").configure_cert(context)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    names["nas.test"] = names["other.test"] = [["127.0.0.1"]]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reply(self, PNG)

        def log_message(self, *_arguments: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.handle_error = lambda *_arguments: None
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    allowing = reader(home, allow_host="127.0.0.1")
    try:
        assert allowing.fetch(1, f"https://nas.test:{httpd.server_port}/a.png").data == PNG
        with pytest.raises(ImageUnavailable, match="certificate"):
            allowing.fetch(1, f"https://other.test:{httpd.server_port}/a.png")
    finally:
        httpd.shutdown()
        httpd.server_close()
    assert asked[0] == "nas.test"
    assert set(asked[1:]) == {"other.test"}


def test_redirects_are_judged(home: Web, inside: Web, names: dict[str, list[list[str]]]) -> None:
    """A host that is allowed does not stand for where it sends on to; Label Studio neither."""
    names["allowed.test"] = names["other.test"] = [["127.0.0.1"]]
    port = inside.httpd.server_port
    inside.answer = lambda handler: reply(handler, status=302, Location=f"http://other.test:{port}/a.png")
    home.answer = inside.answer
    for place in ("/a.png", f"http://allowed.test:{port}/a.png"):
        with pytest.raises(ImageUnavailable, match=r"other\.test lies on the machine"):
            reader(home, allow_host="allowed.test").fetch(1, place)
    assert {path for path, _ in inside.seen} <= {"/a.png"}
    assert len(inside.seen) == 1


def test_label_studio_is_its_own_origin_and_not_its_whole_host(home: Web, inside: Web) -> None:
    assert reader(home).fetch(1, f"{home.url}/a.png").data == PNG
    assert reader(home).fetch(1, f"http://localhost:{home.httpd.server_port}/a.png").data == PNG
    with pytest.raises(ImageUnavailable, match="--allow-host"):
        reader(home).fetch(1, f"{inside.url}/a.png")
    assert inside.seen == []


@pytest.mark.parametrize(
    ("allowed", "fits"),
    [
        ("127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("10.0.0.0/8, 127.0.0.1:{port}", True),
        ("nas.test", True),
        ("NAS.test.", True),
        ("nas.test:{port}", True),
        ("*.test", True),
        ("::ffff:127.0.0.1", False),
        ("127.0.0.1:1", False),
        ("nas.test:1", False),
        ("s.test", False),
        ("*.nas.test", False),
        ("10.0.0.0/8", False),
        ("", False),
    ],
)
def test_allowed_hosts(home: Web, inside: Web, names: dict[str, list[list[str]]], allowed: str, fits: bool) -> None:
    names["nas.test"] = [["127.0.0.1"]]
    port = inside.httpd.server_port
    opened = reader(home, allow_host=allowed.format(port=port))
    if fits:
        assert opened.fetch(1, f"http://nas.test:{port}/a.png").data == PNG
    else:
        with pytest.raises(ImageUnavailable, match="--allow-host"):
            opened.fetch(1, f"http://nas.test:{port}/a.png")


def test_addresses_of_the_sixth_version_with_a_port() -> None:
    allowed = AllowedHosts.parse("[fd00::1]:9000,[fd00::2],fd00:1::/32")
    assert allowed.judged("fd00::1", 9000) == ["fd00::1"]
    assert allowed.judged("[fd00::2]", 80) == ["fd00::2"]
    assert allowed.judged("fd00:1::5", 80) == ["fd00:1::5"]
    with pytest.raises(AddressRefused):
        allowed.judged("fd00::1", 80)


@pytest.mark.parametrize("text", ["http://nas", "nas/path", "*", "a b", "nas:port", "nas:0", "nas:99999", "10.0.0.0/99",
                                  "a..b", "user@nas", "*.*.test", "[nas"])  # fmt: skip
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"nas\.local"):
        AllowedHosts.parse(text)


def test_a_url_that_the_user_names_is_trusted_and_what_it_sends_on_to_is_not(home: Web, inside: Web) -> None:
    source = NamedSource(timeout=5, max_bytes=1_000_000)
    named = source.image(f"{home.url}/a.png")
    assert source.read(named.task, named.task.images[0]).data == PNG
    listed = source.image(f"{inside.url}/a.png", trusted=False)
    with pytest.raises(ImageUnavailable, match="--allow-host"):
        source.read(listed.task, listed.task.images[0])
    home.answer = lambda handler: reply(handler, status=302, Location=f"{inside.url}/a.png")
    with pytest.raises(ImageUnavailable, match="--allow-host"):
        source.read(named.task, named.task.images[0])
    assert inside.seen == []


def test_a_proxy_is_asked_for_names_that_only_it_knows(
    home: Web, inside: Web, names: dict[str, list[list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy looks names up. What can be looked up here is judged here all the same."""
    names["private.test"] = [[PRIVATE]]
    monkeypatch.setenv("http_proxy", inside.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert reader(home).fetch(1, "http://no-such-host.invalid/a.png").data == PNG
    assert reader(home).fetch(1, f"http://{PUBLIC}/a.png").data == PNG
    assert [path for path, _ in inside.seen] == ["http://no-such-host.invalid/a.png", f"http://{PUBLIC}/a.png"]
    inside.seen.clear()
    for host in ("private.test", PRIVATE, "0x0a.7", "169.254.169.254"):
        with pytest.raises(ImageUnavailable, match="--allow-host"):
            reader(home).fetch(1, f"http://{host}/a.png")
    assert inside.seen == []
    assert reader(home, allow_host=PRIVATE).fetch(1, "http://private.test/a.png").data == PNG


def test_an_answer_that_drips_through_a_proxy(home: Web, inside: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", inside.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(1000):
                handler.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    inside.answer = drip
    with pytest.raises(ImageUnavailable, match=r"takes more than 0\.5 s"):
        reader(home, image_timeout=0.5).fetch(1, "http://no-such-host.invalid/a.png")


@pytest.mark.parametrize(
    "path", ["/api/projects/3/export", "/api", "/%61pi/users/", "/data/../api/x", "//api/x", "/API/x"]
)
def test_the_token_opens_no_path_of_the_api(home: Web, inside: Web, path: str) -> None:
    """Whoever writes a task's URL must not read, by the token of whoever runs labelonce, what the API answers."""
    places = [home.url + path, path] if not path.startswith("//") else [home.url + path]
    for place in places:
        with pytest.raises(ImageUnavailable, match="API"):
            reader(home).fetch(1, place)
    inside.answer = lambda handler: reply(handler, status=302, Location=home.url + path)
    with pytest.raises(ImageUnavailable, match="API"):
        reader(home, allow_host=f"127.0.0.1:{inside.httpd.server_port}").fetch(1, f"{inside.url}/a.png")
    assert home.seen == []
    assert reader(home).fetch(1, "/data/upload/1/api/a.png").data == PNG


def test_links_out_of_a_folder_are_followed_only_when_asked_for(tmp_path: Path) -> None:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    (tmp_path / "outside.png").write_bytes(PNG)
    (tmp_path / "photos" / "own.png").write_bytes(PNG)
    for name, target in {
        "near.png": "own.png",
        "far.png": "../outside.png",
        "more/far.png": "../../outside.png",
    }.items():
        (tmp_path / "photos" / name).symlink_to(target)
    (tmp_path / "linked").symlink_to(tmp_path / "photos")
    source = FolderSource(tmp_path / "linked", max_bytes=1_000_000)
    tasks = {str(task.id): task for task in source.tasks()}
    assert set(tasks) == {"far.png", "more/far.png", "near.png", "own.png"}
    for name, task in tasks.items():
        if "far" in name:
            with pytest.raises(ImageUnavailable, match="--follow-links"):
                source.read(task, name)
        else:
            assert source.read(task, name).data == PNG
    following = FolderSource(tmp_path / "photos", max_bytes=1_000_000, follow_links=True)
    assert all(following.read(task, task.images[0]).data == PNG for task in following.tasks())
