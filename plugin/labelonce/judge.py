"""Verdicts on single pairs of known pictures, with all their figures."""

from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, partial
from threading import Lock

from labelonce.features import Features
from labelonce.images.views import VIEWS
from labelonce.levels import Rules
from labelonce.moments import Step, step_of
from labelonce.reading import KnownImages, Reader
from labelonce.verification import Rgb, Verdict, verify

FEATURES_IN_MEMORY = 256  # about 100 kB each
PICTURES_IN_MEMORY = 1 << 23  # bytes: what stands for many is compared with one after the other
NO_FEATURES = "no features"


class Judge:
    """Verifies pairs one by one; nothing is remembered. Safe to use from several threads.

    Parameters
    ----------
    reader, images
        The images, and who knows their features.
    in_memory
        Pictures whose features are kept for the next pair.
    """

    def __init__(self, reader: Reader, images: KnownImages, in_memory: int = FEATURES_IN_MEMORY) -> None:
        self._reader = reader
        self._images = images
        self._features = lru_cache(in_memory)(self._load)
        self._pictures = _Pictures(partial(reader.picture, images))

    def verdict(self, one: int, other: int, view: str, rules: Rules) -> Verdict:
        """Whether the pictures of two rows show the same; with `NO_FEATURES` as the reason where that is not known.

        Parameters
        ----------
        view
            How the second picture is held; empty for as it is.
        rules
            The thresholds.
        """
        if one == other and not view:
            return Verdict(True, "same pixels", 100.0)
        others = self._images.views[view] if view else self._images.vectors
        similarity = float(self._images.vectors[one] @ others[other])
        a, b = self._features(one), self._features(other)
        if a is None or b is None:  # gone since it was read
            return Verdict(False, NO_FEATURES, 100 * similarity)
        return verify(a, b.seen(VIEWS[view]) if view else b, similarity, rules, partial(self._both, one, other, view))

    def photographic(self, one: int, other: int) -> bool:
        """Whether the pictures of two rows are photographs, as far as they can be had."""
        return all(found is not None and found.photographic for found in (self._features(one), self._features(other)))

    def step(self, one: int, other: int, near: Rules, scene: Rules) -> Step | None:
        """How the pictures of two rows differ that `scene` joins; see `moments.step_of`."""
        a, b = self._features(one), self._features(other)
        if a is None or b is None:  # gone since it was read
            return None
        similarity = float(self._images.vectors[one] @ self._images.vectors[other])
        return step_of(a, b, similarity, near, scene, partial(self._both, one, other, ""))

    def _both(self, one: int, other: int, view: str) -> tuple[Rgb, Rgb] | None:
        """The pictures of two rows for the fine look; None where one cannot be had."""
        first, second = self._pictures.get(one), self._pictures.get(other)
        if first is None or second is None:
            return None
        return first, VIEWS[view](second) if view else second

    def _load(self, row: int) -> Features | None:
        content = self._reader.features(self._images, row)
        try:
            return Features.from_bytes(content) if content is not None else None
        except ValueError:
            return None


class _Pictures:
    """Loads pictures, and holds those that were asked for last, as far as memory allows. Safe to use from threads."""

    def __init__(self, load: Callable[[int], Rgb | None]) -> None:
        self._load = load
        self._held: OrderedDict[int, Rgb] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, row: int) -> Rgb | None:
        with self._lock:
            if row in self._held:
                self._held.move_to_end(row)
                return self._held[row]
        picture = self._load(row)
        with self._lock:
            if picture is not None and row not in self._held:
                self._held[row] = picture
                self._size += picture.nbytes
                while self._size > PICTURES_IN_MEMORY and len(self._held) > 1:
                    self._size -= self._held.popitem(last=False)[1].nbytes
        return picture
