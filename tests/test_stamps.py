"""What names say about the origin of pictures, and what they do not."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelonce.stamps import name_of, stamp_of

NAMES = {
    "clip_000123.jpg": "clip_000123.jpg",
    "a/b/frame-12.png": "frame-12.png",
    "a\\b\\frame-12.png": "frame-12.png",
    "/data/upload/3/1a2b3c4d-name_0012.jpg": "name_0012.jpg",
    "/data/upload/1a2b3c4d-name_0012.jpg": "name_0012.jpg",
    "https://host/data/upload/3/1a2b3c4d-name%200012.jpg": "name 0012.jpg",
    "deadbeef-1.jpg": "deadbeef-1.jpg",
    "https://host/a/b_0001.jpg?sig=a/b_9.jpg&x=1": "b_0001.jpg",
    "https://host/a/caf%C3%A9_0001.jpg": "café_0001.jpg",
    "s3://bucket/dir/frame_0001.jpg": "frame_0001.jpg",
    "gs://bucket/dir/frame_0001.jpg": "frame_0001.jpg",
    "/data/local-files/?d=dir/frame_1.jpg": "frame_1.jpg",
    "/data/local-files/?d=dir%2Fframe%201.jpg": "frame 1.jpg",
    "/tasks/12/resolve/?fileuri=" + base64.b64encode(b"s3://bucket/dir/f_7.jpg").decode(): "f_7.jpg",
    "https://host/films/video1.mp4#t=12": "video1.mp4#t=12",
    "data:image/png;base64,AAAA/frame_1.png": "",
    "https://host/": "",
    "https://[/a.jpg": "",
    "": "",
}


@pytest.mark.parametrize(("location", "name"), NAMES.items())
def test_the_name_of_a_file(location, name):
    assert name_of(location) == name


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        ("clip_000123.jpg", "clip_000124.jpg", 1),
        ("frame-12.png", "frame-9.png", 3),
        ("a/frame_0010_left.jpg", "a/frame_0020_left.jpg", 10),
        ("IMG_20240601_151241_001.jpg", "IMG_20240601_151242_002.jpg", 1),
        ("video1.mp4#t=12", "video1.mp4#t=12.5", 500),
        ("/data/upload/3/1a2b3c4d-name_0012.jpg", "/data/upload/3/99999999-name_0013.jpg", 1),
        ("https://host/a/b_0001.jpg?sig=1", "https://host/a/b_0003.jpg?sig=2", 2),
        ("s3://bucket/dir/frame_0001.jpg", "s3://bucket/dir/frame_0002.jpg", 1),
        ("/data/local-files/?d=dir/frame_1.jpg", "/data/local-files/?d=dir/frame_2.jpg", 1),
        ("f_0001_jpg.rf.0123456789abcdef0123456789abcdef.jpg", "f_0002_jpg.rf." + "f" * 32 + ".jpg", 1),
        ("film (1).jpg", "film (2).jpg", 1),
    ],
)
def test_names_of_one_sequence(one, other, distance):
    a, b = stamp_of(one), stamp_of(other)
    assert a.stem == b.stem
    assert abs(a.number - b.number) == distance


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/clip_0001.jpg", "b/clip_0002.jpg"),
        ("clip_0001.jpg", "film_0002.jpg"),
        ("clip_0001.jpg", "clip_0002.png"),
        ("clip1_0001.jpg", "clip2_0001.jpg"),
        ("https://host/a_1.jpg", "https://elsewhere/a_2.jpg"),
        ("video1.mp4#t=1", "video2.mp4#t=2"),
        ("frame_0001_left.jpg", "frame_0002_right.jpg"),
    ],
)
def test_names_of_two_sequences(one, other):
    assert stamp_of(one).stem != stamp_of(other).stem


@pytest.mark.parametrize("name", ["photo.jpg", "", "data:image/png;base64,12345", "1" * 40 + ".jpg"])
def test_names_without_a_number(name):
    assert stamp_of(name).number is None


TIMES = {
    "IMG_20240601_151241.jpg": 1717254761.0,
    "20240601151241.jpg": 1717254761.0,
    "2024-06-01T15-12-41.png": 1717254761.0,
    "2024-06-01T15:12:41.250.png": 1717254761.25,
    "PXL_20240601_151241123.jpg": 1717254761.123,
    "PXL_20240601_151241123.MP.jpg": 1717254761.123,
    "WhatsApp Image 2024-06-01 at 15.12.41.jpeg": 1717254761.0,
    "WhatsApp Image 2024-06-01 at 15.12.41 (1).jpeg": 1717254761.0,
    "Screenshot_20240601-151241_Chrome.png": 1717254761.0,
    "signal-2024-06-01-15-12-41.jpg": 1717254761.0,
    "1717254761250.jpg": 1717254761.25,
    "cam_1717254761.250000.png": 1717254761.25,
    "cam__1717254761250000.jpg": 1717254761.25,
}


@pytest.mark.parametrize(("name", "time"), TIMES.items())
def test_times_in_names(name, time):
    found = stamp_of(f"a/{name}")
    assert found.time == pytest.approx(time, abs=1e-6)
    assert found.camera == found.stem


@pytest.mark.parametrize(
    "name",
    [
        "IMG_20241341_151241.jpg", "20240601.jpg", "IMG_0001.jpg", "00000001.jpg", "n02089123_1234.JPEG",
        "DSC_0012.JPG", "2024-06-01 at 11.12.41 PM.png", "29991231_235959.jpg", "171725476125.jpg",
        "12345678901234.jpg",
    ],
)  # fmt: skip
def test_names_without_a_time(name):
    assert stamp_of(name).time is None
    assert stamp_of(name).camera == ""


def test_exif_goes_before_the_name():
    found = stamp_of("IMG_20200101_000000_7.jpg", "2024-06-01T15:12:41.250000 Canon EOS R5")
    assert (found.time, found.camera, found.number) == (1717254761.25, "Canon EOS R5", 7)
    shifted = stamp_of("a.jpg", "2024-06-01T17:12:41.250000+02:00 Canon EOS R5")
    assert shifted.time == found.time


@pytest.mark.parametrize("text", ["2024-06-01T15:12:41.250000", "not a time", "24 Canon", ""])
def test_a_time_without_a_camera_says_nothing(text):
    assert stamp_of("a.jpg", text).time is None


@given(st.text())
def test_any_text_has_a_stamp(text):
    found = stamp_of(text, text)
    assert found.name == name_of(text)
    assert found.stem.startswith(found.folder)


@given(st.text(string.ascii_letters + "_-", min_size=1), st.integers(0, 10**9), st.integers(1, 8))
def test_a_number_is_read_as_it_was_written(stem, number, width):
    found = stamp_of(f"films/{stem}_{number:0{width}}.jpg")
    assert (found.stem, found.number) == (f"films/{stem}_#.jpg", number)
