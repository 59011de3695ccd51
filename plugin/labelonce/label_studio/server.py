"""The connection to one Label Studio, as one user."""

import base64
import json
import threading
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import exceptions
from urllib3.util import Retry

from labelonce.errors import AccessDenied, ConfigurationError, NotFound, ServerError, Unreachable

# worth another try: too many requests, a busy or restarting server; Label Studio answers 500 when SQLite is locked
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
FIRST_RETRIES = 2  # until the server has answered once: an address that is wrong should be told at once
CONNECT_TIMEOUT = 10.0
LONGEST_RETRY_AFTER = 60.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; the names of the loopback interface are one host.

    Raises
    ------
    ValueError
        The URL is malformed.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme.lower(), "localhost" if host in LOOPBACK else host, port


class _Retry(Retry):
    """Retries that do what Retry-After says within reason."""

    def parse_retry_after(self, retry_after: str) -> float:
        try:
            return min(super().parse_retry_after(retry_after), LONGEST_RETRY_AFTER)
        except exceptions.InvalidHeader:
            return 0.0


class _Session(requests.Session):
    """A session that leaves redirects alone: it would read their bodies, however long, and their addresses."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def session(retries: int, connections: int) -> requests.Session:
    """A requests session that retries what is worth retrying, keeps no cookies and reads no ``.netrc``."""
    retry = _Retry(
        total=retries,
        redirect=0,
        backoff_factor=0.4,
        backoff_max=20,
        status_forcelist=RETRIED_STATUSES,
        allowed_methods=None,
        raise_on_status=False,
        raise_on_redirect=False,
    )
    made = _Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.auth = lambda request: request  # or requests would look for a password in ~/.netrc
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(pool_maxsize=max(connections, 10), max_retries=retry))
    return made


def timeouts(seconds: float) -> tuple[float, float]:
    """Seconds to wait for a connection, and for each part of an answer."""
    return min(seconds, CONNECT_TIMEOUT), seconds


def reason(error: Exception) -> str:
    """What went wrong on the way, in words; the error's own text may hold a signed URL."""
    cause: object = error
    while isinstance(cause, requests.RequestException | exceptions.MaxRetryError):
        inner = cause.reason if isinstance(cause, exceptions.MaxRetryError) else next(iter(cause.args), None)
        if not isinstance(inner, Exception):
            break
        cause = inner
    for kinds, text in _REASONS:
        if isinstance(cause, kinds):
            return text
    return type(cause).__name__


_REASONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    ((exceptions.NameResolutionError,), "the name of the host is not known"),
    ((exceptions.NewConnectionError, ConnectionRefusedError), "the connection is refused"),
    ((exceptions.TimeoutError, requests.Timeout), "no answer in time"),
    ((exceptions.SSLError, requests.exceptions.SSLError), "its certificate is not trusted"),
    ((exceptions.ProxyError, requests.exceptions.ProxyError), "the proxy refuses"),
    ((exceptions.DecodeError, requests.exceptions.ContentDecodingError), "its compression is broken"),
    ((exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError, ConnectionError), "the connection broke off"),
    ((requests.exceptions.InvalidURL, exceptions.LocationValueError), "the URL is malformed"),
)


class Server:
    """One Label Studio server, spoken to with a legacy token or a personal access token.

    Parameters
    ----------
    url
        Address of the server, with a path where it is served below one.
    token
        API key of a user. It is sent to this server only and appears in no text that labelonce writes.
    timeout
        Seconds to wait for each part of an answer, and for a connection ten at most.
    retries
        How often a request is tried again when the server is busy or cannot be reached. Only requests that may be
        sent twice are.
    connections
        How many requests are under way at once at most.

    Raises
    ------
    ConfigurationError
        The address or the token is missing or malformed.
    """

    def __init__(
        self, url: str | None, token: str | None, *, timeout: float = 60.0, retries: int = 5, connections: int = 4
    ) -> None:
        self.url = _address(url)
        self.connections = connections
        self.timeout = timeout
        self.writes = 0  # how many requests may have changed something
        self._token = _api_key(token)
        self._personal = _claims(self._token) is not None
        self._access, self._access_until = "", 0.0  # the short-lived token that a personal one is exchanged for
        self._lock = threading.Lock()
        self._exchanging = threading.Lock()
        self._answered = False
        self._retries = retries
        self._first_retries = min(retries, FIRST_RETRIES)
        self._sessions = {number: session(number, connections) for number in {0, self._first_retries, retries}}

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def owns(self, url: str) -> bool:
        """Whether a URL lies on this server, so that the token may go there.

        Raises
        ------
        ValueError
            The URL is malformed.
        """
        return origin(url) == origin(self.url)

    def authorization(self) -> dict[str, str]:
        """A header that is valid now; a personal access token is exchanged for a short-lived one.

        Raises
        ------
        Unreachable, AccessDenied, ServerError
            The token could not be exchanged.
        """
        if not self._personal:
            return {"Authorization": f"Token {self._token}"}
        with self._exchanging:
            if time.monotonic() >= self._access_until:
                self._exchange()
            return {"Authorization": f"Bearer {self._access}"}

    def drop(self, header: Mapping[str, str]) -> bool:
        """Forget the short-lived token of a header that the server has refused; False where there is none.

        It may have run out while this machine slept, or the server has a new key.
        """
        with self._exchanging:
            if header["Authorization"] == f"Bearer {self._access}":
                self._access_until = 0.0
        return self._personal

    def _exchange(self) -> None:
        asked = time.monotonic()
        path = "/api/token/refresh/"
        response = self._send("POST", path, None, {"refresh": self._token}, True, {})
        answer = self._json(self._checked(response, "POST", path, frozenset()))
        access = answer.get("access") if isinstance(answer, dict) else None
        if not isinstance(access, str):
            raise self._stranger()
        claims = _claims(access) or {}
        try:  # both by the server's clock, which need not agree with this machine's
            lifetime = float(claims["exp"] - claims["iat"])
        except (KeyError, TypeError):
            lifetime = 60.0
        self._access, self._access_until = access, asked + lifetime - min(30.0, lifetime / 2)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = True,
        accept: frozenset[int] = frozenset(),
    ) -> requests.Response:
        """Send one request to the API.

        Parameters
        ----------
        method, path, params, body
            HTTP method, path below the server's address, query and JSON body.
        repeatable
            Whether the request may be sent again when its answer was lost.
        accept
            Error statuses that the caller handles; others raise.

        Raises
        ------
        Unreachable, AccessDenied, NotFound, ServerError
        """
        if method != "GET":
            with self._lock:
                self.writes += 1
        header = self.authorization()
        response = self._send(method, path, params, body, repeatable, header)
        if response.status_code == 401 and self.drop(header):
            response = self._send(method, path, params, body, repeatable, self.authorization())
        return self._checked(response, method, path, accept)

    def get(self, path: str, **params: Any) -> Any:
        """JSON of a GET."""
        return self._json(self.request("GET", path, params=params))

    def post(self, path: str, body: Any, *, repeatable: bool = True, **params: Any) -> Any:
        """JSON of a POST."""
        return self._json(self.request("POST", path, params=params, body=body, repeatable=repeatable))

    def patch(self, path: str, body: Any, **params: Any) -> Any:
        """JSON of a PATCH."""
        return self._json(self.request("PATCH", path, params=params, body=body))

    def _send(
        self, method: str, path: str, params: Any, body: Any, repeatable: bool, headers: dict[str, str]
    ) -> requests.Response:
        retries = self._retries if self._answered else self._first_retries
        try:
            response = self._sessions[retries if repeatable else 0].request(
                method,
                self.url + path,
                params=params,
                json=body,
                headers=headers,
                timeout=timeouts(self.timeout),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise Unreachable(
                f"Label Studio does not answer at {self.url} ({reason(error)}). Is it running, is the address right?"
            ) from None
        self._answered = True
        return response

    def _checked(
        self, response: requests.Response, method: str, path: str, accept: frozenset[int]
    ) -> requests.Response:
        status = response.status_code
        if status < 300 or status in accept:
            return response
        if response.is_redirect:
            raise ServerError(
                f"{self.url} sends requests on to {_target(response, path)}. "
                "Give the address that Label Studio has itself."
            )
        detail = _detail(response)
        if status in (401, 403):
            raise self._refusal(status, detail)
        if status == 404 and detail is None:
            raise self._stranger()
        if status == 404:
            raise NotFound(f"{method} {path}: {detail}")
        raise ServerError(f"{method} {path}: Label Studio answered {status}: {detail or 'nothing readable'}")

    def _json(self, response: requests.Response) -> Any:
        try:
            return response.json() if response.content else None
        except requests.JSONDecodeError:
            raise self._stranger() from None

    def _stranger(self) -> ServerError:
        return ServerError(
            f"{self.url} answered with something that is not JSON as Label Studio writes it. Give Label Studio's own "
            "address, without the path of a project; a login page in front of it may answer too."
        )

    def _refusal(self, status: int, detail: str | None) -> AccessDenied:
        if detail is None:
            return AccessDenied(
                f"{self.url} answered {status}, and not as Label Studio does: something in front of it refuses. "
                "Give an address that reaches Label Studio itself."
            )
        if "legacy token authentication has been disabled" in detail:
            return AccessDenied(
                "This Label Studio has legacy tokens disabled. Make a personal access token (Account & Settings, "
                "Personal Access Token), or let an administrator allow legacy tokens (Organization page, API Tokens)."
            )
        if status == 403:
            return AccessDenied(
                f"The token's user may not do this: {detail}. Ask for a role that may change the project."
            )
        return AccessDenied(
            f"Label Studio at {self.url} refuses the token ({status}). It is not valid, or has run out. Copy it again "
            "from Account & Settings and set LABEL_STUDIO_API_KEY."
        )


def _address(url: str | None) -> str:
    try:
        parts = urlsplit((url or "").strip())
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    except ValueError:
        fine = plain = False
    if not fine or not plain:
        why = "has a user name, a query or a fragment in it" if fine else "is missing or not an http(s) URL"
        raise ConfigurationError(
            f"Label Studio's address {why}. Set LABEL_STUDIO_URL, for instance http://localhost:8080, or give --url."
        )
    return parts.geturl().rstrip("/")


def _api_key(token: str | None) -> str:
    key = (token or "").strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        why = "has characters that no API key has" if key else "is missing"
        raise ConfigurationError(
            f"The API key {why}. Copy it in Label Studio (Account & Settings, Personal Access Token) "
            "and set LABEL_STUDIO_API_KEY."
        )
    return key


def _claims(token: str) -> dict[str, Any] | None:
    """What a JSON web token says of itself; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _target(response: requests.Response, path: str) -> str:
    """Where a redirect leads, without its query; the address alone where the path stays the same."""
    try:
        parts = urlsplit(urljoin(response.url, response.headers["Location"]))
        url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "a malformed address"
    return url.removesuffix(path) or url


def _detail(response: requests.Response) -> str | None:
    """What the server said, short and in one line; None when it is not JSON."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return None
    if isinstance(answer, dict):
        answer = answer.get("detail") or answer.get("validation_errors") or answer
    return " ".join(str(answer).split())[:300]
