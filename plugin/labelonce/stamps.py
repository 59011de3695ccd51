"""Where and when a picture was made, as far as its location and its EXIF say.

Names are read, never trusted: whatever cannot be read is nothing, and the same name never proves the same moment.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import parse_qs, unquote, urlsplit

_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_UPLOADED = re.compile(r"(?<=/)[0-9a-f]{8}-(?=[^/]+$)")  # what Label Studio puts before the name of an uploaded file
_AUGMENTED = re.compile(r"_(jpe?g|png)\.rf\.[0-9A-Za-z]{16,40}(?=\.)")  # what Roboflow's exports put behind it
_SECONDS = re.compile(r"#t=(\d{1,9}(?:\.\d{1,6})?)")  # of a film: a media fragment (W3C)
_CLOCK = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?: at |[ T_-]?)"  # the day
    r"(\d\d)([-_.:h]?)(\d\d)[-_.:m]?(\d\d)(?:\.?(\d{3,6}))?(?!\d| ?[AaPp][Mm])"
)
_UNIX = re.compile(r"(?<!\d)(1\d{9})(?:\.(\d{3,9})|(\d{9}|\d{6}|\d{3}))(?!\d)")  # seconds, with their fraction
_NUMBER = re.compile(r"\d{1,15}(?!.*\d)", re.DOTALL)


@dataclass(frozen=True)
class Stamp:
    """What is known of a picture's origin.

    Parameters
    ----------
    name
        Its file's name; empty where it has none.
    folder
        Where the file lies, without its name.
    stem
        Folder and name, with marks in the place of the number and the time: equal for frames of one sequence.
    number
        The last number of the name; None where there is none.
    time
        When it was taken, seconds on the clock of `camera`; None where nothing says so.
    camera
        Whose clock that is: a camera, or the names of one stem. Times of different cameras do not compare.
    """

    name: str
    folder: str
    stem: str
    number: int | None = None
    time: float | None = None
    camera: str = ""


def name_of(location: str) -> str:
    """The name of the file that a location ends in: of a path, a URL, or an upload of Label Studio without its prefix.

    Empty for a data URI, and where there is none.
    """
    return _path_of(location).rpartition("/")[2]


def stamp_of(location: str, captured: str = "") -> Stamp:
    """What a location and the text that `images.exif.captured` made of a picture's EXIF say about its origin."""
    folder, _, name = _path_of(location).rpartition("/")
    rest, time = _timed(_AUGMENTED.sub("", name))
    rest, number = _numbered(rest)
    stem = f"{folder}/{rest}"
    camera = stem if time is not None else ""
    when, _, device = captured.partition(" ")
    if device:  # a clock that cannot be told from others says nothing
        try:
            taken = datetime.fromisoformat(when)
            time, camera = taken.replace(tzinfo=taken.tzinfo or timezone.utc).timestamp(), device
        except (ValueError, OverflowError):
            pass
    return Stamp(name, folder, stem, number, time, camera)


def _path_of(location: str) -> str:
    """The path of a location with its host, decoded, and with the prefix of an upload taken off."""
    if location[:5].lower() == "data:":
        return ""
    served = location.startswith("/") or _SCHEME.match(location) is not None
    path = location
    if served:
        try:
            parts = urlsplit(location)
            asked = parse_qs(parts.query)
        except ValueError:  # no URL after all
            return ""
        inner = asked.get("d") or [_unpacked(text) for text in asked.get("fileuri", ())]  # as Label Studio serves files
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        path = (inner[0] if inner else f"{parts.netloc}{unquote(parts.path)}") + fragment
    path = path.replace("\\", "/")
    return _UPLOADED.sub("", path) if "upload/" in path else path


def _unpacked(text: str) -> str:
    """The location that Label Studio's links to cloud storage carry; as it is where it is something else."""
    try:
        return base64.urlsafe_b64decode(text.encode() + b"==").decode()
    except (ValueError, binascii.Error):
        return text


def _timed(name: str) -> tuple[str, float | None]:
    """A name without the time in it, and that time in seconds."""
    found = _CLOCK.search(name)
    if found is not None:
        year, _, month, day, hour, _, minute, second, fraction = found.groups()
        try:
            whole = datetime(*map(int, (year, month, day, hour, minute, second)), tzinfo=timezone.utc)  # type: ignore[misc,arg-type]
        except ValueError:  # digits that only look like a time
            return name, None
        return _CLOCK.sub("@", name, count=1), whole.timestamp() + float(f"0.{fraction or 0}")
    found = _UNIX.search(name)
    if found is not None:
        seconds, *fractions = found.groups()
        return _UNIX.sub("@", name, count=1), float(f"{seconds}.{fractions[0] or fractions[1]}")
    return name, None


def _numbered(name: str) -> tuple[str, int | None]:
    """A name with a mark in the place of its last number, and that number; of a film's frames, in milliseconds."""
    second = _SECONDS.search(name)
    if second is not None:
        return _SECONDS.sub("#t=#", name), round(1000 * float(second[1]))
    base, dot, suffix = name.rpartition(".")
    base, suffix = (base, dot + suffix) if base else (name, "")
    found = _NUMBER.search(base)
    if found is None or base[: found.start()][-1:].isdigit():  # too long to count anything
        return name, None
    return f"{base[: found.start()]}#{base[found.end() :]}{suffix}", int(found[0])
