"""Values of more than 8 bits → grey levels and colours that show what is in them."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelonce.images.strips import digest_of, spans

WHITE: Final = 65_535  # in colours, and of alpha
_FAR = WHITE / 4  # colours that end below fill 14 bits at most of their 16: most of what they show would be black
_RANGE = (0.1, 99.9)  # percentiles: what lies outside is a tail
_TAIL = 1 / 4  # of the range: the most that a tail gets of the levels, beside it
_NOISE = 4  # values: what a tail gets at least, so that the last bits of what is nearly black do not drown bright dots
_SEEN = 1 / 20  # of the pixels: a window that shows fewer was made for another picture
_SAMPLED = 1 << 20  # pixels that say which percentiles there are

# array[rows, columns] as EXIF has them → upright
_TURNS: Final[dict[int, Any]] = {
    2: lambda values: values[:, ::-1],
    3: lambda values: values[::-1, ::-1],
    4: lambda values: values[::-1],
    5: lambda values: values.swapaxes(0, 1),
    6: lambda values: np.rot90(values, -1),
    7: lambda values: np.rot90(values, 2).swapaxes(0, 1),
    8: lambda values: np.rot90(values),
}


@dataclass(frozen=True)
class Deep:
    """A picture whose values have more than 8 bits.

    Parameters
    ----------
    values
        Grey (h, w) of any dtype up to 32 bits; grey and alpha (h, w, 2), colours (h, w, 3), or colours and alpha
        (h, w, 4), all of them uint16 up to `WHITE`.
    window
        The values that are black and white; None where the file says nothing about that.
    inverted
        Whether small values are bright.
    """

    values: NDArray[Any]
    window: tuple[float, float] | None = None
    inverted: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.values.shape[1], self.values.shape[0]

    def turned(self, orientation: int) -> "Deep":
        """The upright picture of one that lies as EXIF says."""
        turn = _TURNS.get(orientation)
        return self if turn is None else replace(self, values=turn(self.values))

    def cropped(self, box: tuple[int, int, int, int]) -> "Deep":
        """The part in a box of left, top, right and bottom."""
        left, top, right, bottom = box
        return replace(self, values=self.values[top:bottom, left:right])

    def plain(self) -> "Deep":
        """The picture without an alpha that hides nothing."""
        colours, alpha = _split(self.values)
        return self if alpha is None or (alpha != WHITE).any() else replace(self, values=colours)

    def digest(self, size: str) -> str:
        """Digest of the values, with all their bits, and of what else decides how they look."""
        values = self.values
        look = f"{values.dtype} {values.shape} {self.window} {self.inverted}"
        parts = (np.ascontiguousarray(values[rows]).data for rows in spans(*self.size))
        return digest_of(f"{size} {look}", parts)

    def shown(self, step: int) -> Image.Image:
        """The picture in 8 bits: L, LA, RGB or RGBA.

        Parameters
        ----------
        step
            Each pixel is the mean of so many in both directions.
        """
        knots = _knots(self)
        table = _levels(np.arange(WHITE + 1), knots) if self.values.dtype == np.uint16 else None
        parts = []
        for rows in spans(*self.size, step):
            values, alpha = _split(self.values[rows])
            levels = _levels(values, knots) if table is None else table[values]
            if self.inverted:
                levels = 255 - levels
            if alpha is not None:
                opacity = (alpha // 257).astype(np.uint8)
                levels = np.dstack([levels, opacity])
            strip = Image.fromarray(levels)
            parts.append(np.asarray(strip if step == 1 else strip.reduce(step)))
        return Image.fromarray(np.concatenate(parts))


def _split(values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.uint16] | None]:
    """Grey or colours, and alpha if there is any."""
    if values.ndim == 2 or values.shape[2] % 2:
        return values, None
    colours = values[..., 0] if values.shape[2] == 2 else values[..., :3]
    return colours, values[..., -1]


def _knots(deep: Deep) -> dict[float, float]:
    """Values and the levels that they get; all others lie on straight lines between them.

    Between the smallest and the largest value one hot pixel would leave a radiograph nothing; clipped at percentiles,
    what is small and bright would lose its inside. So tails are squeezed, never clipped: they keep their place beside
    the range, and at most a sixth of the levels each. Short tails are not squeezed at all.

    Colours keep full scale, so that they look like their own copies in 8 bits, unless they end far below it.
    """
    sample = _sample(deep.values)
    if not sample.size:
        return {0.0: 0.0}
    low, high = map(float, np.percentile(sample, _RANGE))
    if deep.values.shape[2:] in ((3,), (4,)) and high >= _FAR:
        return {0.0: 0.0, float(WHITE): 255.0}
    if deep.window is not None and _shows(deep.window, sample):
        return dict(zip(deep.window, (0.0, 255.0), strict=True))
    least, most = _extent(deep.values)
    noise = _NOISE if np.issubdtype(deep.values.dtype, np.integer) else 0
    tail = max((high - low) * _TAIL, noise) or most - least
    ends = np.cumsum([0, min(low - least, tail), high - low, min(most - high, tail)])
    levels = ends * 255 / max(float(ends[-1]), np.finfo(np.float32).tiny)
    return dict(zip((least, low, high, most), map(float, levels), strict=True))


def _levels(values: NDArray[Any], knots: dict[float, float]) -> NDArray[np.uint8]:
    """Grey levels; what is not a number is black."""
    levels = np.interp(values, list(knots), list(knots.values()))
    return np.asarray(np.rint(np.where(np.isfinite(values), levels, 0)), np.uint8)


def _shows(window: tuple[float, float], sample: NDArray[np.float64]) -> bool:
    black, white = window
    return bool(np.mean((sample > black) & (sample < white)) >= _SEEN)


def _sample(values: NDArray[Any]) -> NDArray[np.float64]:
    """Finite values from all over the picture; of colours only where they can be seen."""
    step = max(1, round((values.shape[0] * values.shape[1] / _SAMPLED) ** 0.5))
    colours, alpha = _split(values[::step, ::step])
    seen = colours if alpha is None else colours[alpha > 0]
    finite: NDArray[np.float64] = seen[np.isfinite(seen)].astype(np.float64)
    return finite


def _extent(values: NDArray[Any]) -> tuple[float, float]:
    """The smallest and the largest finite value."""
    least, most = np.inf, -np.inf
    for rows in spans(values.shape[1], values.shape[0]):
        strip = _split(values[rows])[0]
        finite = strip[np.isfinite(strip)]
        if finite.size:
            least, most = min(least, float(finite.min())), max(most, float(finite.max()))
    return least, most
