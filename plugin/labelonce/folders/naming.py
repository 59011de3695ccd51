"""Names that do not collide, whatever a file system takes for the same name."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

LONGEST = 255  # bytes of one name on common file systems


def unused(wanted: Iterable[str]) -> list[str]:
    """A path for each of the wanted ones, in order; the second with a name gets " (2)" behind it, and so on.

    Names count as equal when they differ in case or in how Unicode composes them, as some file systems hold it.

    Parameters
    ----------
    wanted
        Relative paths with slashes.
    """
    paths = [PurePosixPath(one) for one in wanted]
    taken = {_key(str(parent)) for path in paths for parent in path.parents}
    tried: dict[str, int] = {}
    found = []
    for path in paths:
        place, key = str(path), _key(str(path))
        while _key(place) in taken:
            tried[key] = tried.get(key, 1) + 1
            place = str(path.with_name(numbered(path.name, f" ({tried[key]})")))
        taken.add(_key(place))
        found.append(place)
    return found


def numbered(name: str, addition: str) -> str:
    """A name with something before its suffix, shortened where it would be too long."""
    path = PurePosixPath(name)
    stem, suffix = path.stem, path.suffix
    while stem and len(os.fsencode(stem + addition + suffix)) > LONGEST:
        stem = stem[:-1]
    return stem + addition + suffix


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
