"""What others must not read: tokens, passwords, signed URLs. They are cut out of every text that leaves labelonce.

Two ways, and both are used: a URL is shown by `shown`, which never has its query or its password; and whatever a log,
an error or a traceback says goes through `redacted`, which finds what slipped through, in libraries' texts too.
"""

import re
import threading
import traceback
from urllib.parse import urlsplit

HIDDEN = "***"
LEAST_SECRET = 6  # characters: what is shorter is found in ordinary words
LONGEST_URL = 200

_LOCAL_FILES = "/data/local-files/"  # its query is the name of a file
_SECRETS: set[str] = set()
_secrets_lock = threading.Lock()

# A URL up to the first blank or quote. Its text may be cut off, or none that a parser takes.
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20}:)?//(?P<rest>[^\s\"'<>]+)")
_REQUEST_LINE = re.compile(r"(?P<path>\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^\s?\"]*)\?[^\s\"]*")
_QUERY = re.compile(r"(?P<path>[^\s\"'<>?]*)\?(?P<query>[^\s\"'<>?]*=[^\s\"'<>]*)")
_BARE_QUERY = re.compile(r"(?P<path>url: |url='|url=\"|Redirecting )(?P<place>[^\s?'\"]*)\?[^\s'\"]*")
_PAIR = re.compile(
    r"(?i)(?P<name>\b(?:x-amz-[a-z-]+|x-goog-[a-z-]+|awsaccesskeyid|signature|sig|access_token|refresh_token|refresh"
    r"|api[_-]?key|token|password|passwd|secret)\b(?:\s*=\s*[\"']?|[\"']\s*:\s*[\"']))(?!\*\*\*)[^\s\"'&,;)}\]]+"
)
_SCHEME_AND_TOKEN = re.compile(r"(?P<name>\b(?:Token|Bearer|Basic) )[A-Za-z0-9+/=._~-]{20,}")  # longer than words
_WEB_TOKEN = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")


def hide(secret: str) -> None:
    """Keep a secret out of every text from now on, wherever in it it stands."""
    if len(secret) >= LEAST_SECRET:
        with _secrets_lock:
            _SECRETS.add(secret)


def shown(url: str) -> str:
    """A URL for a message: as `public`, and not endless."""
    return public(url)[:LONGEST_URL]


def public(url: str) -> str:
    """A URL without its query and fragment, which may be a signature, and without a user name and a password.

    The name of a file that Label Studio serves stands in the query of its URL, and stays.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a malformed URL"
    if parts.scheme == "data":
        return "a data URI"
    place = parts.netloc.rpartition("@")[2]
    text = (
        f"{parts.scheme}://{place}{parts.path}" if parts.scheme else f"//{place}{parts.path}" if place else parts.path
    )
    return text + _file_of(parts.path, parts.query)


def redacted(text: str) -> str:
    """Any text without queries and passwords of URLs, tokens, signatures and the secrets that were named to `hide`."""
    with _secrets_lock:
        secrets = sorted(_SECRETS, key=len, reverse=True)
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _URL.sub(_plain, text)
    text = _REQUEST_LINE.sub(rf"\g<path>?{HIDDEN}", text)
    text = _BARE_QUERY.sub(rf"\g<path>\g<place>?{HIDDEN}", text)
    text = _QUERY.sub(_without_query, text)
    text = _SCHEME_AND_TOKEN.sub(rf"\g<name>{HIDDEN}", text)
    text = _PAIR.sub(rf"\g<name>{HIDDEN}", text)
    return _WEB_TOKEN.sub(HIDDEN, text)


def traceback_of(error: BaseException) -> str:
    """The traceback of an error, fit to be shown: the texts of errors hold URLs, and so may the lines of code."""
    return redacted("".join(traceback.format_exception(error)))


def _plain(found: re.Match[str]) -> str:
    """A URL in a text, without password, query and fragment."""
    rest = found["rest"]
    head, mark, query = rest.partition("?")
    head, sharp, _ = head.partition("#")
    host, slash, path = head.partition("/")
    query = query if mark and not sharp else ""
    tail = _file_of(slash + path, query) or (f"?{HIDDEN}" if query and query != HIDDEN else mark + query)
    return f"{found['scheme'] or ''}//{host.rpartition('@')[2]}{slash}{path}{tail}"


def _without_query(found: re.Match[str]) -> str:
    return found["path"] + (_file_of(found["path"], found["query"]) or f"?{HIDDEN}")


def _file_of(path: str, query: str) -> str:
    """The part of a query that is the name of a file that Label Studio serves."""
    if path.endswith(_LOCAL_FILES) and query.startswith("d="):
        return f"?{query.partition('&')[0]}"
    return ""
