"""Bytes of a task's images: uploads, local files, http(s), data URIs and cloud URIs."""

import base64
import posixpath
import threading
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from labelonce.addresses import AddressRefused, AllowedHosts
from labelonce.errors import ImageUnavailable, ServerError
from labelonce.label_studio.connecting import Guard, GuardedAdapter, TooSlow
from labelonce.label_studio.server import Server
from labelonce.label_studio.sessions import policy, reason, session, timeouts
from labelonce.redaction import shown as _shown
from labelonce.sources.base import Content

CLOUD_SCHEMES = frozenset({"s3", "s3s", "gs", "azure-blob", "redis"})
MAX_REDIRECTS = 5
IMAGE_TIMEOUT = 120.0  # seconds
RETRIES = 2
CHUNK = 1 << 16
UPLOADS = "/data/upload/"  # each has a name of its own, made by chance, and is never written again
FIXED = "fixed"  # the validator of what cannot change
RACY_SECONDS = 2.0  # Last-Modified counts whole seconds: what was just written may change and look the same


class _BrokeOff(ImageUnavailable):
    """The body ended before its length was reached."""


class ImageReader:
    """Fetches image bytes. Safe to use from several threads.

    The URLs are untrusted: hosts whose addresses are not the internet's are refused (see `addresses`), but for Label
    Studio's own origin (scheme, host and port), for hosts that are allowed and for those that `trust` names.

    Parameters
    ----------
    server
        The Label Studio that the tasks are on. Its token goes to its own origin only, and there to no path of its
        API; a redirect to another host is followed without it. A user name and a password in a URL go nowhere.
    timeout
        Seconds to wait for each part of an answer.
    image_timeout
        Seconds that one image may take as a whole: redirects, retries and the slowest server included.
    max_bytes
        Larger images are refused, before they are read where the server tells their size.
    max_redirects
        How often one image may be sent on.
    allow_host
        Hosts that may have any address, as `AllowedHosts.parse` reads them.

    Raises
    ------
    ConfigurationError
        `allow_host` is malformed.
    """

    def __init__(
        self,
        server: Server,
        *,
        timeout: float,
        max_bytes: int,
        image_timeout: float = IMAGE_TIMEOUT,
        max_redirects: int = MAX_REDIRECTS,
        allow_host: str | None = None,
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._image_timeout = image_timeout
        self._max_bytes = max_bytes
        self._max_redirects = max_redirects
        self._guard = Guard(AllowedHosts.parse(allow_host))
        self._local = threading.local()
        self.trust(server.url)

    def trust(self, url: str) -> None:
        """Allow the host and the port of a URL that the user named. A malformed one is told when it is fetched."""
        try:
            place = _place(url)
        except ValueError:
            return
        if place[0]:
            self._guard.allowed = self._guard.allowed.and_host(*place)

    def fetch(self, task_id: int, location: str, known: str | None = None) -> Content | None:
        """Fetch one image; None when it is still the one that the validator `known` stands for.

        Uploads and data URIs never change. For others the server is asked, by If-None-Match or If-Modified-Since.

        Raises
        ------
        ImageUnavailable
            Missing, refused, too large, too slow, or of a kind that cannot be fetched.
        """
        if known == FIXED:
            return None
        location = location.strip()
        if not location:
            raise ImageUnavailable("the task's image is an empty text")
        if location[:5].lower() == "data:":
            return Content(self._limited(_data_uri(location)), FIXED)
        shown = _shown(location)
        try:
            with self._guard.within(self._image_timeout):
                return self._fetch_whole(self._url(task_id, location), shown, known)
        except AddressRefused as error:
            raise ImageUnavailable(f"{shown} is not fetched: {error}") from None
        except TooSlow:
            raise ImageUnavailable(f"{shown} takes more than {self._image_timeout:g} s") from None
        except ServerError as error:
            raise ImageUnavailable(f"{shown}: {error}") from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise ImageUnavailable(f"{shown} cannot be fetched: {reason(error)}") from None
        except ValueError:
            raise ImageUnavailable(f"{shown} cannot be fetched: the URL is malformed") from None

    def _url(self, task_id: int, location: str) -> str:
        scheme = urlsplit(location).scheme.lower()
        base = self._server.url
        if scheme in CLOUD_SCHEMES:
            uri = base64.urlsafe_b64encode(location.encode()).decode()
            return f"{base}/tasks/{task_id}/resolve/?fileuri={uri}"
        if scheme in ("http", "https"):
            return location
        if location.startswith("//"):
            return f"{urlsplit(base).scheme}:{location}"
        if location.startswith("/"):
            prefix = urlsplit(base).path
            return base + location.removeprefix(prefix) if location.startswith(prefix + "/") else base + location
        raise ImageUnavailable(
            f"labelonce cannot fetch {_shown(location)}: it is not a URL that Label Studio serves. Images come by "
            f"http, https, data, {', '.join(sorted(CLOUD_SCHEMES))}, and as paths on Label Studio itself"
        )

    def _at_home(self, url: str) -> str:
        """A URL of Label Studio's at the address that was given for it.

        The server may know itself by another of its names. And a URL that two parsers read differently cannot lead
        the token elsewhere.
        """
        parts = urlsplit(url)
        return (
            "{0.scheme}://{0.netloc}".format(urlsplit(self._server.url)) + parts._replace(scheme="", netloc="").geturl()
        )

    def _fetch_whole(self, url: str, shown: str, known: str | None) -> Content | None:
        """Fetch; a body that broke off is asked for again, as the session does where the connection failed earlier."""
        for _ in range(RETRIES):
            with suppress(HTTPError, _BrokeOff):
                return self._fetch(url, shown, known)
        return self._fetch(url, shown, known)

    def _fetch(self, url: str, shown: str, known: str | None) -> Content | None:
        conditions = _conditions(known)
        upload = self._server.owns(url) and self._at_home(url).startswith(self._server.url + UPLOADS)
        dropped = False
        for _ in range(self._max_redirects + 1):
            own = self._server.owns(url)
            if own:
                url = self._at_home(url)
                self._check_own(url, shown)
            headers = conditions | (self._server.authorization() if own else {})
            http, environment = self._http(url)
            with http.get(
                url, headers=headers, timeout=timeouts(self._timeout), allow_redirects=False, **environment
            ) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers["Location"])
                    if urlsplit(url).scheme not in ("http", "https"):
                        raise ImageUnavailable(f"{shown} is sent on to {_shown(url)}, which is not http(s)")
                    if own and "/user/login" in urlsplit(url).path:
                        raise ImageUnavailable(f"{shown}: Label Studio asks for a login, its user may not see it")
                    continue
                if response.status_code == 401 and own and not dropped and self._server.drop(headers):
                    dropped = True
                    continue
                if response.status_code == 304 and conditions:
                    return None
                if response.status_code != 200:
                    raise ImageUnavailable(f"{shown} {_refused(response.status_code, own)}")
                validator = FIXED if upload else _validator(response.headers)
                return Content(self._body(response, shown), validator)
        raise ImageUnavailable(f"{shown}: more than {self._max_redirects} redirects")

    def _check_own(self, url: str, shown: str) -> None:
        """Refuse a path of Label Studio's API: it holds no images, and the token opens all of it."""
        path = posixpath.normpath("/" + unquote(urlsplit(url).path).removeprefix(urlsplit(self._server.url).path))
        if path.lstrip("/").split("/")[0].lower() == "api":
            raise ImageUnavailable(f"{shown} leads to Label Studio's API, which holds no images")

    def _body(self, response: requests.Response, shown: str) -> bytes:
        promised = response.headers.get("Content-Length", "")
        if promised.isdigit() and int(promised) > self._max_bytes:
            raise self._too_large(int(promised))
        parts, size = [], 0
        # read1 returns what has come: a server that drips would hold a read of a whole chunk up for ever
        while part := response.raw.read1(CHUNK, decode_content=True):
            size += len(part)
            parts.append(part)
            if size > self._max_bytes:
                raise self._too_large(size)
            self._guard.left()
        if promised.isdigit() and "Content-Encoding" not in response.headers and size < int(promised):
            raise _BrokeOff(f"{shown} broke off after {size:,} of {int(promised):,} bytes")
        return b"".join(parts)

    def _limited(self, data: bytes) -> bytes:
        if len(data) > self._max_bytes:
            raise self._too_large(len(data))
        return data

    def _too_large(self, size: int) -> ImageUnavailable:
        return ImageUnavailable(f"the image has {size:,} bytes or more, above max_bytes = {self._max_bytes:,}")

    def _http(self, url: str) -> tuple[requests.Session, dict[str, Any]]:
        """One session for each thread, so that connections are kept and nothing is shared; and its options for a URL.

        requests would look proxies and certificates up in the environment every time, which is a quarter of its work;
        here it is done once for each host.
        """
        if not hasattr(self._local, "session"):
            self._local.session, self._local.environments = self._session(), {}
        http: requests.Session = self._local.session
        environments: dict[tuple[str, str], dict[str, Any]] = self._local.environments
        host = urlsplit(url)[:2]
        if host not in environments:
            http.trust_env = True
            environments[host] = dict(http.merge_environment_settings(url, {}, True, None, None))
            http.trust_env = False
        if environments[host]["proxies"]:
            self._judge_for_proxy(url, environments[host]["proxies"])
        return http, environments[host]

    def _session(self) -> requests.Session:
        made = session(RETRIES, connections=1)
        for scheme in ("http://", "https://"):
            made.mount(scheme, GuardedAdapter(self._guard, pool_maxsize=1, max_retries=policy(RETRIES)))
        return made

    def _judge_for_proxy(self, url: str, proxies: Mapping[str, str]) -> None:
        """Judge a host that a proxy will look up. What cannot be looked up here is the proxy's to refuse."""
        if requests.utils.select_proxy(url, proxies):
            with suppress(OSError):
                self._guard.allowed.judged(*_place(url))


def _validator(headers: Mapping[str, str]) -> str | None:
    """What a server says that tells later whether an image is still the same; None where it says nothing."""
    if "ETag" in headers:
        return f"ETag {headers['ETag']}"
    try:
        modified, now = (parsedate_to_datetime(headers[name]) for name in ("Last-Modified", "Date"))
        settled = (now - modified).total_seconds() >= RACY_SECONDS
    except (KeyError, TypeError, ValueError):  # TypeError: only one of them names its zone
        return None
    return f"Last-Modified {headers['Last-Modified']}" if settled else None


def _conditions(known: str | None) -> dict[str, str]:
    """The header that asks for an image only if it is another one by now."""
    name, _, value = (known or "").partition(" ")
    header = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}.get(name)
    return {header: value} if header else {}


def _refused(status: int, own: bool) -> str:
    if status in (401, 403):
        who = (
            "Label Studio does not let the token's user see it"
            if own
            else "its host wants a login, or the link ran out"
        )
        return f"answered {status}: {who}"
    if status in (404, 410):
        return f"answered {status}: " + ("Label Studio finds no such file" if own else "there is no such file")
    if status == 424 and own:
        return f"answered {status}: Label Studio cannot get it from its storage"
    if status == 500 and own:
        return f"answered {status}: Label Studio fails on it, as it does when an uploaded file is gone"
    return f"answered {status}"


def _data_uri(location: str) -> bytes:
    header, comma, content = location[5:].partition(",")
    try:
        if not comma:
            raise ValueError
        data = unquote_to_bytes(content)
        if "".join(header.split()).lower().endswith(";base64"):
            packed = b"".join(data.split()).rstrip(b"=")
            data = base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
        if not data:
            raise ValueError
    except ValueError:
        raise ImageUnavailable("the data URI is malformed or empty") from None
    return data


def _place(url: str) -> tuple[str, int]:
    """Host and port of a URL.

    Raises
    ------
    ValueError
        It is malformed.
    """
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
