"""Which pictures a report shows, and how small they are: the page stays under 5 MB whatever is shown."""

import io
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image

from labelonce.images.decoding import Picture
from labelonce.reporting.content import Group
from labelonce.tasks import TaskId

GROUPS = 1000  # shown with pictures; those behind them are listed
BUDGET = 4_500_000  # bytes of the page for pictures and what is written under them
CAPTION = 920  # bytes of the page under one picture: link, similarity, doubt, size, reason, how it lies
NAMED = 5  # times that the page has the name of a task
DENSITY = 0.12  # bytes for a pixel of the square: about what WebP of quality 60 takes for a photo
EDGES = (320, 256, 224, 192, 160, 144, 128, 112, 96, 88)  # pixels, the largest first
SKIPS = (256, 64, 32, 16, 12, 8, 6, 5, 4, 3, 2, 1)  # shown of one group, at most
QUALITIES = (72, 60, 45, 30, 15, 1)


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, and what it was made of.

    Parameters
    ----------
    uri
        The small picture: a data URI.
    width, height
        Of the whole upright image, pixels.
    bytes
        Size of its file.
    """

    uri: str
    width: int
    height: int
    bytes: int


@dataclass(frozen=True)
class Chosen:
    """Tasks that get a picture, and its long side in pixels."""

    tasks: tuple[TaskId, ...]
    edge: int


def choose(groups: Sequence[Group]) -> Chosen:
    """Choose what is shown: representatives and skips of the first groups, in their order.

    Where there are too many for the page, fewer of the largest groups are shown before whole groups go without; the
    fewer there are, the larger they are.

    Parameters
    ----------
    groups
        As in a report: doubt first, within a group too.
    """
    tasks: tuple[TaskId, ...] = ()
    for most in SKIPS:
        tasks = tuple(dict.fromkeys(_members(groups[:GROUPS], most)))
        if taken(tasks, EDGES[-1]) <= BUDGET:
            break
    while taken(tasks, EDGES[-1]) > BUDGET:  # names as long as this are paths of files
        tasks = tasks[: len(tasks) * 9 // 10]
    return Chosen(tasks, next(edge for edge in EDGES if taken(tasks, edge) <= BUDGET))


def taken(tasks: Sequence[TaskId], edge: int) -> int:
    """Bytes of the page that these tasks take at most with pictures of this long side."""
    return sum(CAPTION + NAMED * len(str(task)) for task in tasks) + len(tasks) * most_bytes(edge) * 4 // 3


def most_bytes(edge: int) -> int:
    """Bytes that a picture of this long side takes at most."""
    return int(DENSITY * edge * edge)


def thumbnail(picture: Picture, edge: int, size: int) -> Thumbnail:
    """Make a decoded picture smaller.

    Parameters
    ----------
    edge
        Long side of the small picture, pixels; at most the 480 of decoded pictures.
    size
        Of its file, bytes.
    """
    small = Image.fromarray(picture.rgb)
    small.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    uri = f"data:image/webp;base64,{b64encode(_encoded(small, most_bytes(edge))).decode()}"
    return Thumbnail(uri, picture.width, picture.height, size)


def _encoded(image: Image.Image, most: int) -> bytes:
    """The best quality that fits; noise, which nothing compresses, becomes smaller."""
    while True:
        for quality in QUALITIES:
            file = io.BytesIO()
            image.save(file, "WEBP", quality=quality, method=4)
            if file.tell() <= most:
                return file.getvalue()
        image = image.reduce(2)


def _members(groups: Sequence[Group], most: int) -> Iterator[TaskId]:
    for group in groups:
        yield group.representative
        yield from (skip.task for skip in islice(group.skips, most))
