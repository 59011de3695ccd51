"""Connections to hosts that are not trusted: to judged addresses only, and none outlives its deadline."""

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from labelonce import logs
from labelonce.addresses import AllowedHosts


class TooSlow(Exception):  # noqa: N818 - a state, not a fault
    """The time for one image is over. No `OSError`: nothing may take it for a reason to try again."""


class Guard:
    """Judges every host that is connected to, and counts the time of what each thread fetches.

    Parameters
    ----------
    allowed
        Hosts that may have any address.
    """

    def __init__(self, allowed: AllowedHosts) -> None:
        self.allowed = allowed
        self._local = threading.local()

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give this thread so many seconds for everything that it fetches inside."""
        self._local.until = time.monotonic() + seconds
        try:
            yield
        finally:
            del self._local.until

    def left(self) -> float:
        """Seconds that this thread still has.

        Raises
        ------
        TooSlow
            None.
        """
        left = getattr(self._local, "until", float("inf")) - time.monotonic()
        if left <= 0:
            raise TooSlow
        return float(left)


class LoggedAdapter(HTTPAdapter):
    """Sends requests and logs each."""

    def send(self, request: requests.PreparedRequest, *given: Any, **options: Any) -> requests.Response:
        """Send one request, its retries included."""
        started, status, retries = time.monotonic(), None, 0
        try:
            response = super().send(request, *given, **options)
            status, retries = response.status_code, len(getattr(response.raw.retries, "history", ()))
            return response
        finally:
            logs.request(request.method or "", request.url or "", status, time.monotonic() - started, retries)


class GuardedAdapter(LoggedAdapter):
    """Sends requests over connections that a guard watches.

    Where a proxy is set, it does the looking up: then the connection goes to the proxy, and the caller judges the host
    as far as it can be looked up here.
    """

    def __init__(self, guard: Guard, **options: Any) -> None:
        self._pools = _pools(guard)
        super().__init__(**options)

    def init_poolmanager(self, *given: Any, **options: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*given, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """The pools of connections by a proxy; a SOCKS proxy has pools of its own kind."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(guard: Guard) -> dict[str, type[HTTPConnectionPool]]:
    """Classes of pools whose connections a guard watches; urllib3 takes classes, so each guard has its own."""

    class Response(HTTPResponse):
        def __init__(self, sock: socket.socket, *given: Any, **options: Any) -> None:
            super().__init__(sock, *given, **options)
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Watched(raw, sock, guard))

    class Plain(HTTPConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _connected(self, super()._new_conn, guard)

    class Secure(HTTPSConnection):
        response_class = Response

        def _new_conn(self) -> socket.socket:
            return _connected(self, super()._new_conn, guard)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connected(connection: HTTPConnection, connect: Any, guard: Guard) -> socket.socket:
    """Connect to one of the addresses that were judged.

    The connection has the address as its host only while the socket is made: the Host header, the name that TLS asks
    for and the certificate's check keep the name.
    """
    guard.left()
    if connection.proxy is not None:
        return cast("socket.socket", connect())
    name = connection.host
    try:
        addresses = guard.allowed.judged(name, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(name, connection, error) from error
    failed: Exception | None = None
    try:
        for address in addresses:
            guard.left()
            connection.host = address
            try:
                return cast("socket.socket", connect())
            except (NewConnectionError, ConnectTimeoutError) as error:
                failed = error
    finally:
        connection.host = name
    raise failed or NewConnectionError(connection, "the name has no address")


class _Watched(io.RawIOBase):
    """What a socket receives, until its thread's time is over: headers and lengths of chunks can drip as well."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, guard: Guard) -> None:
        self._raw = raw
        self._sock = sock
        self._guard = guard
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._guard.left()
        self._sock.settimeout(left if self._timeout is None else min(self._timeout, left))
        try:
            return cast("int | None", self._raw.readinto(buffer))
        except TimeoutError:
            self._guard.left()
            raise

    def close(self) -> None:
        self._raw.close()
        super().close()
