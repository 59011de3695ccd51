"""Bytes of a task's images: uploads, local files, http(s), data URIs and cloud URIs."""

import base64
import binascii
import threading
import time
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import requests

from labelonce.errors import ImageUnavailable, ServerError
from labelonce.label_studio.server import Server, session

CLOUD_SCHEMES = frozenset({"s3", "s3s", "gs", "azure-blob", "redis"})
MAX_REDIRECTS = 5
CHUNK = 1 << 16


class ImageReader:
    """Fetches image bytes. Safe to use from several threads.

    Parameters
    ----------
    server
        The Label Studio that the tasks are on. Its token goes to its own origin only; a redirect to another host is
        followed without it.
    timeout
        Seconds to wait for each part of an answer; the whole of one image may take ten times as long.
    max_bytes
        Larger images are refused, before they are read where the server tells their size.
    """

    def __init__(self, server: Server, *, timeout: float, max_bytes: int) -> None:
        self._server = server
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._local = threading.local()

    def read(self, task_id: int, location: str) -> bytes:
        """Fetch one image.

        Raises
        ------
        ImageUnavailable
            Missing, refused, too large, too slow, or of a kind that cannot be fetched.
        """
        location = location.strip()
        if location[:5].lower() == "data:":
            return self._limited(_data_uri(location))
        return self._fetch(self._url(task_id, location))

    def _url(self, task_id: int, location: str) -> str:
        scheme = urlsplit(location).scheme.lower()
        base = self._server.url
        if scheme in CLOUD_SCHEMES:
            uri = base64.urlsafe_b64encode(location.encode()).decode()
            return f"{base}/tasks/{task_id}/resolve/?fileuri={uri}"
        if scheme in ("http", "https"):
            if self._server.owns(location):  # a server that knows itself by another of its names
                parts = urlsplit(location)
                return "{0.scheme}://{0.netloc}".format(urlsplit(base)) + parts._replace(scheme="", netloc="").geturl()
            return location
        if location.startswith("//"):
            return f"{urlsplit(base).scheme}:{location}"
        if location.startswith("/"):
            prefix = urlsplit(base).path
            return base + location.removeprefix(prefix) if location.startswith(prefix + "/") else base + location
        raise ImageUnavailable(f"labelonce cannot fetch {_shown(location)}: it is not a URL that Label Studio serves")

    def _fetch(self, url: str) -> bytes:
        deadline = time.monotonic() + 10 * self._timeout
        for _ in range(MAX_REDIRECTS + 1):
            own = self._server.owns(url)
            try:
                headers = self._server.authorization() if own else {}
                with self._http().get(
                    url, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
                ) as response:
                    if response.is_redirect:
                        url = urljoin(url, response.headers["Location"])
                        if urlsplit(url).scheme not in ("http", "https"):
                            raise ImageUnavailable(f"sent on to {_shown(url)}, which is not http(s)")
                        if own and "/user/login" in urlsplit(url).path:
                            raise ImageUnavailable("Label Studio asks for a login: the token's user may not see it")
                        continue
                    if response.status_code != 200:
                        raise ImageUnavailable(f"{_shown(url)} answered {response.status_code}")
                    return self._body(response, url, deadline)
            except ServerError as error:
                raise ImageUnavailable(str(error)) from None
            except (requests.RequestException, ValueError) as error:
                raise ImageUnavailable(f"{_shown(url)} cannot be fetched ({type(error).__name__})") from None
        raise ImageUnavailable(f"{_shown(url)}: more than {MAX_REDIRECTS} redirects")

    def _body(self, response: requests.Response, url: str, deadline: float) -> bytes:
        promised = response.headers.get("Content-Length", "")
        if promised.isdigit() and int(promised) > self._max_bytes:
            raise self._too_large(int(promised))
        parts, size = [], 0
        for part in response.iter_content(CHUNK):
            size += len(part)
            parts.append(part)
            if size > self._max_bytes:
                raise self._too_large(size)
            if time.monotonic() > deadline:
                raise ImageUnavailable(f"{_shown(url)} takes more than {10 * self._timeout:g} s")
        if promised.isdigit() and "Content-Encoding" not in response.headers and size < int(promised):
            raise ImageUnavailable(f"{_shown(url)} broke off after {size:,} of {int(promised):,} bytes")
        return b"".join(parts)

    def _limited(self, data: bytes) -> bytes:
        if len(data) > self._max_bytes:
            raise self._too_large(len(data))
        return data

    def _too_large(self, size: int) -> ImageUnavailable:
        return ImageUnavailable(f"the image has {size:,} bytes or more, above max_bytes = {self._max_bytes:,}")

    def _http(self) -> requests.Session:
        """One session for each thread, so that connections are kept and nothing is shared."""
        if not hasattr(self._local, "session"):
            self._local.session = session(retries=2, connections=1)
        made: requests.Session = self._local.session
        return made


def _data_uri(location: str) -> bytes:
    header, comma, content = location[5:].partition(",")
    try:
        if not comma:
            raise ValueError
        raw = unquote_to_bytes(content)
        return base64.b64decode(raw, validate=False) if header.lower().endswith(";base64") else raw
    except (ValueError, binascii.Error):
        raise ImageUnavailable("the data URI is malformed") from None


def _shown(url: str) -> str:
    """A URL for a message: without its query, which may be a signature, and not endless."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"[:200] if parts.scheme else parts.path[:200]
