"""The connection to one Label Studio, as one user."""

import base64
import binascii
import json
import threading
import time
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from labelonce.errors import AccessDenied, ConfigurationError, NotFound, ServerError, Unreachable

# worth another try: too many requests, a busy or restarting server; Label Studio answers 500 when SQLite is locked
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
ACCESS_SECONDS = 240.0  # an access token lives for 300 s; the time is this process's own, whatever the clocks say
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL; the names of the loopback interface are one host."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme.lower(), "localhost" if host in LOOPBACK else host, port


def _is_personal(token: str) -> bool:
    """Whether a token is a personal access token: a JWT, where a legacy token is a plain word."""
    parts = token.split(".")
    if len(parts) != 3:
        return False
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(claims, dict)


def session(retries: int, connections: int) -> requests.Session:
    """A requests session that retries what is worth retrying, keeps no cookies and reads no ``.netrc``."""
    retry = Retry(
        total=retries,
        redirect=0,
        backoff_factor=0.4,
        backoff_max=20,
        status_forcelist=RETRIED_STATUSES,
        allowed_methods=None,
        raise_on_status=False,
        raise_on_redirect=False,
    )
    made = requests.Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.auth = lambda request: request  # or requests would look for a password in ~/.netrc
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(pool_maxsize=max(connections, 10), max_retries=retry))
    return made


class Server:
    """One Label Studio server, spoken to with a legacy token or a personal access token.

    Parameters
    ----------
    url
        Address of the server, with a path where it is served below one.
    token
        API key of a user. It is sent to this server only and appears in no text that labelonce writes.
    timeout
        Seconds to wait for a connection and for each part of an answer.
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
        if not url or urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigurationError(
                "Label Studio's address is missing or not an http(s) URL. "
                "Set LABEL_STUDIO_URL, for instance http://localhost:8080, or give --url."
            )
        if not token or not token.isascii() or not token.isprintable():
            raise ConfigurationError(
                "The API key is missing. Copy it in Label Studio (Account & Settings, Personal Access Token) "
                "and set LABEL_STUDIO_API_KEY."
            )
        self.url = url.rstrip("/")
        self.connections = connections
        self.timeout = timeout
        self.writes = 0  # how many requests may have changed something
        self._token = token.strip()
        self._lock = threading.Lock()
        self._personal = _is_personal(self._token)
        self._access, self._access_until = "", 0.0
        self._sessions = {retries: session(retries, connections), 0: session(0, connections)}
        self._retries = retries

    def __repr__(self) -> str:
        return f"Server({self.url!r})"

    def owns(self, url: str) -> bool:
        """Whether a URL lies on this server, so that the token may go there."""
        return origin(url) == origin(self.url)

    def authorization(self) -> dict[str, str]:
        """A header that is valid now."""
        if not self._personal:
            return {"Authorization": f"Token {self._token}"}
        with self._lock:
            if time.monotonic() > self._access_until:
                self._access = self._exchange()
                self._access_until = time.monotonic() + ACCESS_SECONDS
            return {"Authorization": f"Bearer {self._access}"}

    def _exchange(self) -> str:
        """Exchange the personal access token for a short-lived one."""
        path = "/api/token/refresh/"
        response = self._send("POST", path, None, {"refresh": self._token}, repeatable=True, headers={})
        if response.status_code == 200:
            answer = self._json(response)
            if isinstance(answer, dict) and isinstance(answer.get("access"), str):
                return str(answer["access"])
        if response.status_code in (401, 403):
            raise self._refusal(401, _detail(response))
        raise ServerError(
            f"POST {path}: {self.url} answered {response.status_code}, which is not as Label Studio does."
        )

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
        response = self._send(method, path, params, body, repeatable=repeatable)
        if response.status_code == 401 and self._personal:
            with self._lock:
                self._access_until = 0.0  # it ran out by the server's clock: exchange once more
            response = self._send(method, path, params, body, repeatable=repeatable)
        if response.status_code < 300 or response.status_code in accept:
            return response
        if response.is_redirect:
            target = "{0.scheme}://{0.netloc}".format(urlsplit(response.headers["Location"]))
            raise ServerError(
                f"{self.url} sends requests on to {target}. Give the address that Label Studio has itself."
            )
        detail = _detail(response)
        if response.status_code in (401, 403):
            raise self._refusal(response.status_code, detail)
        if response.status_code == 404:
            raise NotFound(f"{method} {path}: {detail}")
        raise ServerError(f"{method} {path}: Label Studio answered {response.status_code}: {detail}")

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
        self,
        method: str,
        path: str,
        params: Any,
        body: Any,
        *,
        repeatable: bool,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        http = self._sessions[self._retries if repeatable else 0]
        try:
            return http.request(
                method,
                self.url + path,
                params=params,
                json=body,
                headers=self.authorization() if headers is None else headers,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise self._unreachable(type(error).__name__) from None

    def _json(self, response: requests.Response) -> Any:
        try:
            return response.json() if response.content else None
        except requests.JSONDecodeError:
            raise ServerError(
                f"{self.url} answered with something that is not JSON. Check that the address is Label Studio's own."
            ) from None

    def _unreachable(self, why: str) -> Unreachable:
        return Unreachable(f"Label Studio does not answer at {self.url} ({why}). Is it running, is the address right?")

    def _refusal(self, status: int, detail: str) -> AccessDenied:
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
            f"Label Studio at {self.url} refuses the token ({status}). Copy it again from Account & Settings "
            "and set LABEL_STUDIO_API_KEY."
        )


def _detail(response: requests.Response) -> str:
    """What the server said, short and in one line."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return "an answer that is not JSON"
    if isinstance(answer, dict):
        answer = answer.get("detail") or answer.get("validation_errors") or answer
    return " ".join(str(answer).split())[:300]
