"""DICOM, the pictures of medicine, by pydicom: an optional package."""

import io
import math
from typing import Any, Final

import numpy as np
from PIL import Image

from labelonce.errors import ImageUnreadable
from labelonce.images.depth import Deep
from labelonce.images.formats import quiet

_GREY: Final = ("MONOCHROME1", "MONOCHROME2")
_HEADER: Final = ("NumberOfFrames", "Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
_LOOK: Final = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth")
_PIXELS: Final = ("BitsStored", "HighBit", "PixelRepresentation", "PhotometricInterpretation", "PlanarConfiguration")
_STORED: Final = ("PixelData", "FloatPixelData")
_MOST_BITS: Final = 32
_DEFLATED: Final = b"1.2.840.10008.1.2.1.99"  # all behind such a header would be unpacked first, to whatever size


class DicomFile:
    """A DICOM file with its header read.

    Parameters
    ----------
    data
        The content of the file.

    Raises
    ------
    ImageUnreadable
        The package is missing, or the file holds no single picture that is stored plainly or run-length encoded.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import pydicom
        except ImportError:
            raise ImageUnreadable("DICOM needs a package. Mend it with: pip install 'labelonce[dicom]'") from None
        if _DEFLATED in data:
            raise ImageUnreadable("DICOM that is deflated as a whole: convert it to an uncompressed one")
        names = [*_HEADER, *_LOOK, *_PIXELS, *_STORED]
        with quiet():
            self._set: Any = pydicom.dcmread(io.BytesIO(data), specific_tags=names)
        syntax = self._set.file_meta.get("TransferSyntaxUID")
        if syntax is None or not any(name in self._set for name in _STORED):
            raise ImageUnreadable("DICOM without a picture, or one that does not say how it is stored")
        if syntax.is_compressed and syntax != pydicom.uid.RLELossless:
            raise ImageUnreadable(f"DICOM stored as {syntax.name}: convert it to an uncompressed one")
        if int(self._set.get("NumberOfFrames") or 1) > 1:
            raise ImageUnreadable("DICOM of several frames: one does not stand for it")
        if self._set.BitsAllocated > _MOST_BITS:
            raise ImageUnreadable(f"DICOM of {self._set.BitsAllocated} bits: a kind that is not supported")
        self.size = int(self._set.Columns), int(self._set.Rows)

    def load(self) -> Image.Image | Deep:
        """Decode it: grey with its window, in stored values, or colours."""
        from pydicom.pixels.utils import pixel_array

        found, kind = self._set, self._set.PhotometricInterpretation
        if found.file_meta.TransferSyntaxUID.is_compressed:
            self._check_runs()
        with quiet():
            values = pixel_array(found)
        if kind in _GREY and values.ndim == 2:
            slope = _number(found.get("RescaleSlope")) or 1.0
            return Deep(values, self._window(slope), inverted=(kind == _GREY[0]) != (slope < 0))
        if values.dtype == np.uint8 and values.shape[2:] == (3,):
            return Image.fromarray(values)
        raise ImageUnreadable(f"DICOM in {kind} of {found.BitsAllocated} bits: a kind that is not supported")

    def _window(self, slope: float) -> tuple[float, float] | None:
        """The smallest and the largest stored value that the file's first window shows."""
        names = ("WindowCenter", "WindowWidth", "RescaleIntercept")
        centre, width, intercept = (_number(self._set.get(name)) for name in names)
        if centre is None or width is None or width <= 0:
            return None
        ends = [(centre + side * width / 2 - (intercept or 0.0)) / slope for side in (-1, 1)]
        return (min(ends), max(ends)) if all(map(math.isfinite, ends)) else None

    def _check_runs(self) -> None:
        """Refuse runs that are longer than the picture: two bytes may hold 128, and all are unpacked before."""
        from pydicom.encaps import get_frame

        packed = get_frame(self._set.PixelData, 0, number_of_frames=1)
        most = 2 * math.prod(self.size) * self._set.SamplesPerPixel * self._set.BitsAllocated // 8
        at, unpacked = 64, 0  # behind the header
        while at < len(packed) and unpacked <= most:
            one = packed[at]
            literal = one < 128
            unpacked += one + 1 if literal else 257 - one
            at += one + 2 if literal else 2
        if unpacked > most:
            raise ImageUnreadable("damaged: more runs than the picture has pixels")


def _number(value: Any) -> float | None:
    """A number, the first of several; None where it is none."""
    try:
        number = float(value[0] if hasattr(value, "__getitem__") and not isinstance(value, str) else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None
