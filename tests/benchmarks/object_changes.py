"""Changes of content that objects of some size make: cut out of other photos, they come, go and move."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from harmless_edits import Alpha, Random, Rgb, blend

SIZES = (0.02, 0.04, 0.08, 0.15)
VISIBLE = 12.0  # grey levels, mean of the largest channel: a change that nobody would see is none


def foreground(rgb: Rgb) -> Alpha | None:
    """What stands in the middle of a photo, 0 to 1; None where nothing stands out (Rother et al., GrabCut, 2004)."""
    scale = 120 / max(rgb.shape[:2])
    small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    height, width = small.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    inside = (width // 8, height // 8, width - width // 4, height - height // 4)
    cv2.setRNGSeed(1)
    cv2.grabCut(small, mask, inside, np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_RECT)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((mask % 2).astype(np.uint8))
    if len(stats) < 2:
        return None
    largest = 1 + int(stats[1:, 4].argmax())
    w, h, area = (int(value) for value in stats[largest][2:])
    if not 0.08 * mask.size < area < 0.6 * mask.size or area < 0.35 * w * h:
        return None
    full = cv2.resize((labels == largest).astype(np.float32), rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.GaussianBlur(full, (0, 0), 1.5), np.float32)


def blob(random: Random, side: int = 128) -> Alpha:
    """An irregular round shape with soft edges."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j].astype(np.float32)
    x = x * random.uniform(1, 1.8)
    angle, radius = np.arctan2(y, x), np.hypot(x, y)
    edge = 0.72 + sum(random.uniform(-0.16, 0.16) / n * np.cos(n * angle + random.uniform(0, 6)) for n in (1, 2, 3, 5))
    return np.asarray(cv2.GaussianBlur((radius < edge).astype(np.float32), (0, 0), 2), np.float32)


def cut_out(rgb: Rgb, alpha: Alpha) -> tuple[Rgb, Alpha]:
    """An object and its outline, cropped to it."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0.02), np.flatnonzero(alpha.max(0) > 0.02)
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return rgb[part], alpha[part]


def objects(pictures: Sequence[tuple[str, Rgb]], random: Random, most: int = 80) -> list[tuple[Rgb, Alpha]]:
    """Objects cut out of the photos: half by their own outline, half by a round shape."""
    made = []
    for _, rgb in pictures[:most]:
        alpha = foreground(rgb)
        if alpha is not None:
            made.append(cut_out(rgb, alpha))
        height, width = rgb.shape[:2]
        side = min(height, width) // 2
        x, y = int(random.integers(width - side)), int(random.integers(height - side))
        made.append((rgb[y : y + side, x : x + side], cv2.resize(blob(random), (side, side))))
    return made


def sized(thing: tuple[Rgb, Alpha], area: float, shape: tuple[int, int]) -> tuple[Rgb, Alpha] | None:
    """The object scaled to cover `area` pixels; None where it does not fit."""
    rgb, alpha = thing
    scale = (area / float(alpha.sum())) ** 0.5
    width, height = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    if not (6 < height < 0.95 * shape[0] and 6 < width < 0.95 * shape[1]):
        return None
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(rgb, (width, height), interpolation=method), cv2.resize(alpha, (width, height))


def place(shape: tuple[int, int], alpha: Alpha, x: int, y: int) -> Alpha:
    """An outline on an empty picture."""
    mask = np.zeros(shape, np.float32)
    mask[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha
    return mask


def put(rgb: Rgb, thing: tuple[Rgb, Alpha], x: int, y: int) -> Rgb:
    """The picture with an object on it."""
    over = np.zeros_like(rgb)
    over[y : y + thing[0].shape[0], x : x + thing[0].shape[1]] = thing[0]
    return blend(rgb, over, place(rgb.shape[:2], thing[1], x, y))


def corner(random: Random, shape: tuple[int, int], alpha: Alpha) -> tuple[int, int]:
    """A random place for an outline."""
    return int(random.integers(shape[1] - alpha.shape[1] + 1)), int(random.integers(shape[0] - alpha.shape[0] + 1))


def seen(a: Rgb, b: Rgb, mask: Alpha) -> float:
    """How much differs under the mask: grey levels, mean of the largest channel, of pictures without fine texture."""
    soft = [cv2.blur(one, (11, 11)).astype(np.float32) for one in (a, b)]
    return float((np.abs(soft[0] - soft[1]).max(2) * mask).sum() / mask.sum())


# ------------------------------------------------------------------------------------------------- changes of content

Change = Callable[[Rgb, tuple[Rgb, Alpha], Random], tuple[Rgb, Rgb, Alpha]]


def came(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object somewhere."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    return rgb, put(rgb, thing, x, y), place(rgb.shape[:2], thing[1], x, y)


def came_on_plain(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object where the photo is plainest."""
    height, width = thing[1].shape
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    spots = [corner(random, rgb.shape[:2], thing[1]) for _ in range(20)]
    x, y = min(spots, key=lambda spot: float(gray[spot[1] : spot[1] + height, spot[0] : spot[0] + width].std()))
    return rgb, put(rgb, thing, x, y), place(rgb.shape[:2], thing[1], x, y)


def came_in_tone(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object whose mean colour is nearly that of its ground."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    mask = place(rgb.shape[:2], thing[1], x, y)
    ground = (rgb * mask[..., None]).sum((0, 1)) / mask.sum()
    own = (thing[0] * thing[1][..., None]).sum((0, 1)) / thing[1].sum()
    toned = np.clip(thing[0] + 0.8 * (ground - own), 0, 255).astype(np.uint8)
    return rgb, put(rgb, (toned, thing[1]), x, y), mask


def moved(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """An object at two places that overlap by a half at most."""
    x, y = corner(random, rgb.shape[:2], thing[1])
    first = place(rgb.shape[:2], thing[1], x, y)
    for _ in range(30):
        left, top = corner(random, rgb.shape[:2], thing[1])
        second = place(rgb.shape[:2], thing[1], left, top)
        if float(np.minimum(first, second).sum()) < 0.5 * float(first.sum()):
            break
    return put(rgb, thing, x, y), put(rgb, thing, left, top), np.maximum(first, second)


def went_smooth(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """What was there is painted over with its surroundings (Telea, 2004)."""
    mask = place(rgb.shape[:2], thing[1], *corner(random, rgb.shape[:2], thing[1]))
    size = rgb.shape[1] // 3, rgb.shape[0] // 3
    hole = (cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0.02).astype(np.uint8)
    filled = cv2.inpaint(
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.dilate(hole, None), 3, cv2.INPAINT_TELEA
    )
    over = np.asarray(cv2.resize(filled, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    return rgb, blend(rgb, over, mask), mask


def went_under_patch(rgb: Rgb, thing: tuple[Rgb, Alpha], random: Random) -> tuple[Rgb, Rgb, Alpha]:
    """What was there is covered with another part of the photo, the one whose rim fits best of ten."""
    height, width = thing[1].shape
    x, y = corner(random, rgb.shape[:2], thing[1])
    rim = (cv2.dilate(thing[1], np.ones((9, 9))) - thing[1])[..., None]
    own = rgb[y : y + height, x : x + width].astype(np.float32)
    spots = [corner(random, rgb.shape[:2], thing[1]) for _ in range(10)]
    patches = [rgb[top : top + height, left : left + width] for left, top in spots]
    patch = min(patches, key=lambda one: float((np.abs(one - own) * rim).sum()))
    return rgb, put(rgb, (patch, thing[1]), x, y), place(rgb.shape[:2], thing[1], x, y)


CHANGES: dict[str, Change] = {
    "came": came,
    "came, plain ground": came_on_plain,
    "came, same tone": came_in_tone,
    "moved": moved,
    "went, smooth fill": went_smooth,
    "went, patch": went_under_patch,
}
