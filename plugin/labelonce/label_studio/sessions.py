"""How HTTP is spoken to Label Studio and to the hosts of images: sessions, retries, timeouts, words for failures."""

from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from urllib3 import exceptions
from urllib3.util import Retry

from labelonce.label_studio.connecting import LoggedAdapter

# worth another try: too many requests, a busy or restarting server; Label Studio answers 500 when SQLite is locked
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
BACKOFF = 0.4  # seconds, doubled for every retry but the first, which comes at once
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


def policy(retries: int) -> Retry:
    """What is tried again, how often and after which pauses; Retry-After is followed."""
    return _Retry(
        total=retries,
        redirect=0,
        backoff_factor=BACKOFF,
        backoff_max=20,
        status_forcelist=RETRIED_STATUSES,
        allowed_methods=None,
        raise_on_status=False,
        raise_on_redirect=False,
    )


class _Session(requests.Session):
    """A session that leaves redirects alone: it would read their bodies, however long, and their addresses."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere."""


def session(retries: int, connections: int) -> requests.Session:
    """A requests session that retries what is worth retrying, keeps no cookies and reads no ``.netrc``."""
    made = _Session()
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.auth = lambda request: request  # or requests would look for a password in ~/.netrc
    for scheme in ("http://", "https://"):
        made.mount(scheme, LoggedAdapter(pool_maxsize=max(connections, 10), max_retries=policy(retries)))
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
