"""The colour DCT: layout and colour of a picture in 93 numbers, without a network.

A network's pooled features alone take different things of one kind for each other (cells, potatoes, shirts); the low
frequencies of a tiny YCbCr thumbnail tell them apart.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = 32
LUMA, CHROMA = 8, 4  # low frequencies kept in each direction
ROUNDING: Final = 0.01  # grey levels: smaller coefficients are rounding errors, which the square root would blow up
DIMENSION: Final = LUMA * LUMA - 1 + 2 * (CHROMA * CHROMA - 1)


def colour_dct(square: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Low frequencies of a square picture, with a signed square root.

    Parameters
    ----------
    square
        (side, side, 3) uint8 RGB.

    Returns
    -------
    (93,) float32
        8 x 8 coefficients of Y and 4 x 4 of Cb and Cr, each without its mean, so that brightness does not count.
        All zero where the picture has one colour.
    """
    import cv2

    thumbnail = Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BOX).convert("YCbCr")
    planes = np.moveaxis(np.asarray(thumbnail, np.float32), 2, 0)
    low = np.concatenate(
        [
            cv2.dct(np.ascontiguousarray(plane))[:size, :size].ravel()[1:]
            for plane, size in zip(planes, (LUMA, CHROMA, CHROMA), strict=True)
        ]
    )
    low[np.abs(low) < ROUNDING] = 0
    return np.asarray(np.sign(low) * np.sqrt(np.abs(low)), np.float32)
