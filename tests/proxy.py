"""A proxy that stands between labelonce and Label Studio and spoils requests, as a test decides.

h11 and httpx speak HTTP; the faults are made on the sockets below.
"""

import random
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import h11
import httpx

LISTING = b"<!doctype html><title>One moment</title><h1>We are just restarting</h1>"
CHUNK = 1 << 16
OUTAGE = 0.05  # seconds without a listener
DRIP = 0.02  # seconds between the parts of a slow answer


class Fault(Enum):
    """What becomes of a request. AFTER and below: Label Studio has carried it out."""

    REFUSED = "nobody listens for a while, and open connections are reset"
    RESET = "reset before it was sent on"
    STALLED = "held without an answer, not sent on"
    TOO_MANY = "429 with Retry-After"
    BROKEN = "500"
    BAD_GATEWAY = "502"
    BUSY = "503"
    HTML = "a web page with status 200"
    RESET_AFTER = "carried out, then reset"
    LOST = "carried out, then closed without an answer"
    STALLED_AFTER = "carried out, then held without an answer"
    GATEWAY_TIMEOUT = "carried out, then 504"
    TRUNCATED = "the answer ends before its Content-Length"
    CUT = "the answer has no length, and ends in its middle"
    TWICE = "delivered twice; the second answer is given"
    SLOW = "the answer drips"


WAITING = frozenset({Fault.STALLED, Fault.STALLED_AFTER})  # for these a client needs its whole timeout
QUICK = tuple(fault for fault in Fault if fault not in WAITING)
_STATUSES = {
    Fault.TOO_MANY: (429, b'{"detail": "Request was throttled."}'),
    Fault.BROKEN: (500, b'{"detail": "database is locked"}'),
    Fault.BAD_GATEWAY: (502, b"<html><h1>502 Bad Gateway</h1></html>"),
    Fault.BUSY: (503, b"<html><h1>503 Service Unavailable</h1></html>"),
    Fault.GATEWAY_TIMEOUT: (504, b"<html><h1>504 Gateway Time-out</h1></html>"),
}


@dataclass(frozen=True)
class Asked:
    """A request as it came; `number` counts from 1 in the order of arrival."""

    number: int
    method: str
    target: str
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"


Choice = Callable[[Asked], Fault | None]


def never(_asked: Asked) -> None:
    """No fault."""


def numbered(faults: Mapping[int, Fault]) -> Choice:
    """A fault for the n-th request."""
    return lambda asked: faults.get(asked.number)


def once_each(fault: Fault, every: int = 1) -> Choice:
    """The fault for every n-th of different requests, when it comes for the first time; repetitions pass."""
    seen: set[tuple[str, str, bytes]] = set()

    def choose(asked: Asked) -> Fault | None:
        key = (asked.method, asked.target, asked.body)
        fresh = key not in seen
        seen.add(key)
        return fault if fresh and len(seen) % every == 0 else None

    return choose


def mixture(seed: int, rate: float, among: Collection[Fault] = tuple(Fault)) -> Choice:
    """Random faults: the n-th request of a seed always meets the same one."""
    kinds = tuple(among)

    def choose(asked: Asked) -> Fault | None:
        dice = random.Random(f"{seed} {asked.number}")
        return dice.choice(kinds) if dice.random() < rate else None

    return choose


class Proxy:
    """The proxy. `choose` may be set at any time; `asked` and `made` say what came and what was done to it."""

    def __init__(self, upstream: str, choose: Choice = never) -> None:
        self.upstream = upstream
        self.choose: Choice = choose
        self.retry_after = "0"
        self.asked: list[Asked] = []
        self.made: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closed = threading.Event()
        # Label Studio sends an answer in two parts, and the second waits 40 ms on a connection that is kept
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._client = httpx.Client(timeout=60, trust_env=False, limits=limits)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Stop for good."""
        self._closed.set()
        self._shut()
        self._client.close()

    def start_over(self, choose: Choice = never) -> None:
        """Count from 1 again, with another choice of faults."""
        with self._lock:
            self.asked, self.made, self.choose = [], Counter(), choose

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # it was shut
            while True:
                taken, _ = listener.accept()
                threading.Thread(target=self._serve, args=(taken,), daemon=True).start()

    def _shut(self) -> None:
        """Stop listening and reset every connection, as a server does that dies."""
        with self._lock, suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # close alone would not wake the thread that accepts
        self._listener.close()
        with self._lock:
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def _go_away(self) -> None:
        with self._lock:
            away = self._listener.fileno() == -1
        if away or self._closed.is_set():
            return
        self._shut()
        time.sleep(OUTAGE)
        with self._lock:
            self._listener = socket.create_server(("127.0.0.1", self._port), backlog=64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _serve(self, taken: socket.socket) -> None:
        with self._lock:
            self._open.add(taken)
        try:
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = h11.Connection(h11.SERVER)
            while (asked := self._read(taken, connection)) and self._answer(taken, connection, *asked):
                connection.start_next_cycle()
        except (OSError, h11.ProtocolError, httpx.TransportError):
            _reset(taken)  # the client is gone, or the server behind
        finally:
            with self._lock:
                self._open.discard(taken)
            taken.close()

    def _read(self, taken: socket.socket, connection: h11.Connection) -> tuple[Asked, h11.Request] | None:
        """The next request; None when the client has closed."""
        request, body = None, b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(taken.recv(CHUNK))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                with self._lock:
                    asked = Asked(len(self.asked) + 1, request.method.decode(), request.target.decode(), body)
                    self.asked.append(asked)
                return asked, request
            else:
                return None

    def _answer(self, taken: socket.socket, connection: h11.Connection, asked: Asked, request: h11.Request) -> bool:
        """Answer a request, or spoil it; False when the connection is over."""
        with self._lock:
            fault = self.choose(asked)
            if fault is not None:
                self.made[fault] += 1
        if fault is Fault.REFUSED:
            self._go_away()
            return False
        if fault is Fault.RESET:
            return _reset(taken)
        if fault is Fault.STALLED:
            return self._hold(taken)
        if fault in _STATUSES and fault is not Fault.GATEWAY_TIMEOUT:
            return self._say(taken, connection, *_STATUSES[fault])
        if fault is Fault.HTML:
            return self._say(taken, connection, 200, LISTING)
        answer = self._pass_on(asked, request)
        if fault is Fault.TWICE:
            answer = self._pass_on(asked, request)
        if fault is Fault.RESET_AFTER:
            return _reset(taken)
        if fault is Fault.LOST:
            return False
        if fault is Fault.STALLED_AFTER:
            return self._hold(taken)
        if fault is Fault.GATEWAY_TIMEOUT:
            return self._say(taken, connection, *_STATUSES[fault])
        if fault in (Fault.TRUNCATED, Fault.CUT):
            length = f"Content-Length: {len(answer.content)}\r\n" if fault is Fault.TRUNCATED else ""
            kind = f"Content-Type: {answer.headers.get('content-type', 'text/plain')}\r\n"
            head = f"HTTP/1.1 {answer.status_code} OK\r\n{kind}{length}Connection: close\r\n\r\n"
            taken.sendall(head.encode() + answer.content[: len(answer.content) // 2])
            return False
        return self._give(taken, connection, answer, pieces=4 if fault is Fault.SLOW else 1)

    def _pass_on(self, asked: Asked, request: h11.Request) -> httpx.Response:
        headers = [(name, value) for name, value in request.headers if name not in (b"host", b"accept-encoding")]
        answer = self._client.send(
            httpx.Request(asked.method, self.upstream + asked.target, headers=headers, content=asked.body)
        )
        assert "content-encoding" not in answer.headers
        return answer

    def _give(self, taken: socket.socket, connection: h11.Connection, answer: httpx.Response, *, pieces: int) -> bool:
        dropped = (b"connection", b"transfer-encoding", b"content-length", b"keep-alive")
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in dropped]
        if answer.status_code not in (204, 304):
            headers.append((b"Content-Length", str(len(answer.content)).encode()))
        self._send(taken, connection, h11.Response(status_code=answer.status_code, headers=headers))
        size = len(answer.content) // pieces + 1
        for start in range(0, len(answer.content), size):
            if start:
                time.sleep(DRIP)
            self._send(taken, connection, h11.Data(data=answer.content[start : start + size]))
        self._send(taken, connection, h11.EndOfMessage())
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    def _say(self, taken: socket.socket, connection: h11.Connection, status: int, body: bytes) -> bool:
        kind = "application/json" if body.startswith(b"{") else "text/html"
        headers = {"Content-Type": kind, "Retry-After": self.retry_after} if status == 429 else {"Content-Type": kind}
        return self._give(taken, connection, httpx.Response(status, headers=headers, content=body), pieces=1)

    def _send(self, taken: socket.socket, connection: h11.Connection, event: h11.Event) -> None:
        taken.sendall(connection.send(event) or b"")

    def _hold(self, taken: socket.socket) -> bool:
        """Say nothing until the client has had enough."""
        while not self._closed.is_set():
            if select.select([taken], [], [], 0.05)[0]:
                break
        return False


def _reset(taken: socket.socket) -> bool:
    """End a connection with RST; nothing that was sent is sure to arrive."""
    with suppress(OSError):
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    taken.close()
    return False
