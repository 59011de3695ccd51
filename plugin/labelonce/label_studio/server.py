"""The connection to one Label Studio, as one user."""

import base64
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import requests
from urllib3 import exceptions

from labelonce.errors import AccessDenied, ConfigurationError, NotFound, ServerError, Unreachable
from labelonce.label_studio.sessions import RETRIED_STATUSES, origin, policy, reason, session, timeouts
from labelonce.redaction import hide, redacted

FIRST_RETRIES = 2  # until Label Studio has answered once: an address that is wrong should be told at once
UNREADABLE: Final = object()  # stands for what is not JSON


@dataclass(frozen=True)
class _Answer:
    """An answer that is here as a whole, and what it says."""

    response: requests.Response
    content: Any

    @property
    def hiccup(self) -> bool:
        """Whether it is worth another try: a page of something in between, or an end in the middle, is as a 503."""
        status = self.response.status_code
        return status in RETRIED_STATUSES or (status < 300 and self.content is UNREADABLE)


@dataclass(frozen=True)
class Files:
    """Files as the body of a request: name of the part, name of the file, content."""

    parts: Mapping[str, tuple[str, bytes]]


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
        self.guard: Callable[[str], None] | None = None  # is told the method of each request first, and may refuse it
        self._token = _api_key(token)
        hide(self._token)
        self._personal = _claims(self._token) is not None
        self._access, self._access_until = "", 0.0  # the short-lived token that a personal one is exchanged for
        self._lock = threading.Lock()
        self._exchanging = threading.Lock()
        self._answered = False
        self._retries = retries
        self._session = session(0, connections)  # what is tried again is decided when the whole answer is here

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
        sent = self._send("POST", path, None, {"refresh": self._token}, True, {})
        answer = self._checked(sent, "POST", path, frozenset()).content
        access = answer.get("access") if isinstance(answer, dict) else None
        if not isinstance(access, str):
            raise self._stranger()
        claims = _claims(access) or {}
        try:  # both by the server's clock, which need not agree with this machine's
            lifetime = float(claims["exp"] - claims["iat"])
        except (KeyError, TypeError):
            lifetime = 60.0
        hide(access)
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
            HTTP method, path below the server's address, query and body: JSON, or `Files`.
        repeatable
            Whether the request may be sent again when its answer was lost.
        accept
            Error statuses that the caller handles; others raise.

        Raises
        ------
        Unreachable, AccessDenied, NotFound, ServerError
        """
        return self._ask(method, path, params, body, repeatable, accept).response

    def get(self, path: str, **params: Any) -> Any:
        """JSON of a GET."""
        return self._ask("GET", path, params).content

    def post(self, path: str, body: Any, *, repeatable: bool = True, **params: Any) -> Any:
        """JSON of a POST; None where the answer is empty."""
        return self._ask("POST", path, params, body, repeatable).content

    def patch(self, path: str, body: Any, **params: Any) -> Any:
        """JSON of a PATCH; None where the answer is empty."""
        return self._ask("PATCH", path, params, body).content

    def _ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any] | None,
        body: Any = None,
        repeatable: bool = True,
        accept: frozenset[int] = frozenset(),
    ) -> "_Answer":
        if self.guard is not None:
            self.guard(method)
        if method != "GET":
            with self._lock:
                self.writes += 1
        header = self.authorization()
        answer = self._send(method, path, params, body, repeatable, header)
        if answer.response.status_code == 401 and self.drop(header):
            answer = self._send(method, path, params, body, repeatable, self.authorization())
        return self._checked(answer, method, path, accept)

    def _send(
        self, method: str, path: str, params: Any, body: Any, repeatable: bool, headers: dict[str, str]
    ) -> "_Answer":
        """The answer to a request, which is sent again while that may help and is allowed."""
        allowed = self._retries if self._answered else min(self._retries, FIRST_RETRIES)
        retry = policy(allowed if repeatable else 0)
        while True:
            answer = self._try(method, path, params, body, headers)
            if isinstance(answer, _Answer):
                raw, failure = answer.response.raw, None
                if not answer.hiccup:
                    self._answered = self._answered or answer.content is not UNREADABLE
                    return answer
            else:
                raw, failure = None, answer
            try:
                retry = retry.increment(method, path, raw, failure)
            except exceptions.MaxRetryError:
                if isinstance(answer, _Answer):
                    return answer
                raise Unreachable(
                    f"Label Studio does not answer at {self.url} ({reason(answer)}). "
                    "Is it running, is the address right?"
                ) from None
            retry.sleep(raw)

    def _try(
        self, method: str, path: str, params: Any, body: Any, headers: dict[str, str]
    ) -> "_Answer | requests.RequestException":
        """The answer, or why there is none."""
        try:
            response = self._session.request(
                method,
                self.url + path,
                params=params,
                **({"files": body.parts} if isinstance(body, Files) else {"json": body}),
                headers=headers,
                timeout=timeouts(self.timeout),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            return error
        return _Answer(response, _content(response))

    def _checked(self, answer: "_Answer", method: str, path: str, accept: frozenset[int]) -> "_Answer":
        response, status = answer.response, answer.response.status_code
        if status < 300 or status in accept:
            if answer.content is UNREADABLE:
                raise self._stranger()
            return answer
        if response.is_redirect:
            raise ServerError(
                f"{self.url} sends requests on to {_target(response, path)}. "
                "Give the address that Label Studio has itself."
            )
        detail = _detail(answer.content)
        if status in (401, 403):
            raise self._refusal(status, detail)
        if status == 404 and detail is None:
            raise self._stranger()
        if status == 404:
            raise NotFound(f"{method} {path}: {detail}")
        raise ServerError(f"{method} {path}: Label Studio answered {status}: {detail or 'nothing readable'}")

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


def _content(response: requests.Response) -> Any:
    """The JSON of an answer; None where nothing was to be expected and nothing came."""
    if not response.content and response.request.method != "GET":
        return None
    try:
        return response.json()
    except requests.JSONDecodeError:
        return UNREADABLE


def _detail(content: Any) -> str | None:
    """What the server said, short and in one line; None when it is not JSON."""
    if content is UNREADABLE or content is None:
        return None
    if isinstance(content, dict):
        content = content.get("detail") or content.get("validation_errors") or content
    return redacted(" ".join(str(content).split()))[:300]
