"""HEIC, the pictures of telephones, by pillow-heif: an optional package."""

import math
import re
import struct
from typing import Any, Final

import numpy as np
from PIL import Image

from labelonce.errors import ImageUnreadable
from labelonce.images.depth import Deep

_SIZES: Final = re.compile(rb"ispe.{4}(.{8})", re.DOTALL)  # boxes with the sides of what is coded


class HeicFile:
    """A HEIC file with its header read.

    Its turns and mirrors are part of the format, and libheif carries them out; what its EXIF says beside them is not
    asked, so that nothing is turned twice.

    Parameters
    ----------
    data
        The content of the file.

    Attributes
    ----------
    size
        Width and height of the largest picture that it says to hold, pixels: what decoding takes memory for.

    Raises
    ------
    ImageUnreadable
        The package is missing, or the file holds several pictures.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import pillow_heif
        except ImportError:
            raise ImageUnreadable("HEIC needs a package. Mend it with: pip install 'labelonce[heic]'") from None
        try:
            self._file: Any = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        except (EOFError, RuntimeError, SyntaxError, ValueError):  # whatever libheif says, it names no remedy
            raise ImageUnreadable("damaged: begins as HEIC but cannot be read") from None
        if len(self._file) > 1:
            raise ImageUnreadable("animated or with several pages: one frame does not stand for it")
        # what is decoded may be larger than what is left to be seen
        sizes = (struct.unpack(">II", found[1]) for found in _SIZES.finditer(data))
        self.size: tuple[int, int] = max((self._file.size, *sizes), key=math.prod)

    def load(self) -> Image.Image | Deep:
        """Decode it; 10 and 12 bits come as 16."""
        if self._file.premultiplied_alpha:
            raise ImageUnreadable("HEIC with colours multiplied with alpha: convert it to PNG")
        values = np.asarray(self._file)
        return Deep(values) if values.dtype == np.uint16 else Image.fromarray(values)
