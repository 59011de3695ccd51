"""When a picture was taken, from EXIF that nobody can trust."""

import random

import pytest
from PIL import ExifTags, Image

from labelonce.errors import ImageUnreadable
from labelonce.images.decoding import decode
from labelonce.images.exif import captured
from pictures import encoded, texture

TAKEN = "2024:06:01 15:12:41"


def exif(details=None, **basics):
    made = Image.Exif()
    for name, value in basics.items():
        made[ExifTags.Base[name]] = value
    made.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base[name]: value for name, value in (details or {}).items()})
    return made.tobytes()


def photo(block, kind="JPEG"):
    return encoded(texture(3, (64, 48)), kind, exif=block)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_time_and_the_camera_are_read(kind):
    details = {
        "DateTimeOriginal": TAKEN, "SubsecTimeOriginal": "25", "OffsetTimeOriginal": "+02:00",
        "BodySerialNumber": "0123",
    }  # fmt: skip
    found = decode(photo(exif(details, Make="Canon", Model="EOS  R5"), kind)).captured
    assert found == "2024-06-01T15:12:41.250000+02:00 Canon EOS R5 0123"


def test_what_is_missing_is_left_out():
    assert decode(photo(exif({"DateTimeOriginal": TAKEN}))).captured == "2024-06-01T15:12:41.000000"
    assert decode(photo(exif({"SubsecTimeOriginal": "25"}, Make="Canon"))).captured == ""
    assert decode(encoded(texture(3, (64, 48)))).captured == ""


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"DateTimeOriginal": "0000:00:00 00:00:00"}, ""),
        ({"DateTimeOriginal": "yesterday"}, ""),
        ({"DateTimeOriginal": 20240601}, ""),
        ({"DateTimeOriginal": TAKEN, "SubsecTimeOriginal": "½"}, "2024-06-01T15:12:41.000000"),
        ({"DateTimeOriginal": TAKEN, "SubsecTimeOriginal": "9" * 5000}, "2024-06-01T15:12:41.999999"),
        ({"DateTimeOriginal": TAKEN, "OffsetTimeOriginal": "later"}, "2024-06-01T15:12:41.000000"),
        ({"DateTimeOriginal": TAKEN, "BodySerialNumber": "1\n2"}, "2024-06-01T15:12:41.000000"),
    ],
)
def test_what_makes_no_sense_is_nothing(details, expected):
    assert decode(photo(exif(details))).captured == expected


def test_a_long_name_is_cut():
    found = decode(photo(exif({"DateTimeOriginal": TAKEN}, Model="x" * 10_000))).captured
    assert len(found) < 120


def test_damaged_exif_costs_only_itself():
    block = exif({"DateTimeOriginal": TAKEN, "SubsecTimeOriginal": "25"}, Make="Canon", Model="EOS R5")
    whole = decode(photo(block))
    chance = random.Random(1)
    others = 0
    for _ in range(300):
        damaged = bytearray(block)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(6, len(damaged))] = chance.randrange(256)
        try:
            found = decode(photo(bytes(damaged)))
        except ImageUnreadable:  # the orientation is read from it too
            continue
        others += found.captured != whole.captured
        assert found.captured == "" or found.captured[:4].isdigit()
    assert others > 50


def test_whatever_is_raised_is_caught():
    class Hostile:
        def getexif(self):
            raise RuntimeError("no")

    assert captured(Hostile()) == ""
