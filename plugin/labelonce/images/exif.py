"""When a picture was taken and by which camera, as its EXIF says."""

import re
from datetime import datetime

from PIL import ExifTags, Image

_OFFSET = re.compile(r"[+-]\d\d:\d\d")
_LONGEST = 80  # characters of a camera's name


def captured(image: Image.Image) -> str:
    """The time in ISO 8601, a blank and the camera: ``2024-06-01T15:12:41.250000+02:00 Canon EOS R5 0123``.

    Empty where the time is missing or makes no sense. EXIF is untrusted: whatever it holds, nothing is raised.

    Parameters
    ----------
    image
        An image whose header was read; its pixels are not asked for.
    """
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        taken = datetime.strptime(_text(details.get(ExifTags.Base.DateTimeOriginal)), "%Y:%m:%d %H:%M:%S")
        fraction = _text(details.get(ExifTags.Base.SubsecTimeOriginal))
        offset = _text(details.get(ExifTags.Base.OffsetTimeOriginal))
        parts = (
            exif.get(ExifTags.Base.Make),
            exif.get(ExifTags.Base.Model),
            details.get(ExifTags.Base.BodySerialNumber),
        )
        camera = " ".join(" ".join(map(_text, parts)).split())[:_LONGEST]
    except Exception:  # Pillow's reader raises whatever its parsing of bad bytes runs into
        return ""
    if fraction.isascii() and fraction.isdecimal():
        taken = taken.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    when = taken.isoformat(timespec="microseconds") + (offset if _OFFSET.fullmatch(offset) else "")
    return f"{when} {camera}".strip()


def _text(value: object) -> str:
    """A value as printable ASCII; what is no text is nothing."""
    text = value.strip("\0 ") if isinstance(value, str) else ""
    return text if text.isascii() and text.isprintable() else ""
