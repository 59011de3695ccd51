"""Makes the sample photos in `examples/photos` from freely licensed photographs and videos.

    python examples/make_photos.py SOURCES

SOURCES is a folder with the unpacked packages that `examples/photos/LICENSES.md` names, in any layout: each work is
found by the end of its path. A group is one photograph with edited copies of it, one run of video frames, or one
simulated camera pan. The names are drawn with a fixed seed and say nothing about the groups: `--truth` writes those.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFont, ImageOps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG_SIDE, QUALITY, LOW_QUALITY, SEED = 640, 78, 40, 20

# subject (begins some of the file names), end of the source's path, edited copies or the part to take
PHOTOS = (
    ("view", "Bridge_by_Sander_Klootwijk.jpg", "crop"),
    ("garden", "Dragonfly_by_Bolly.jpg", "left"),
    ("garden", "Dragonfly_by_Bolly.jpg", "right"),
    ("table", "Picture_0B_by_freespace.jpg", "darker small"),
    ("table", "Picture_1A_by_freespace.jpg", ""),
    ("table", "Wine_by_Jakkub_Mede.jpg", "copy"),
    ("hike", "aitzgorri_by_Aitzol_Berasategi.jpg", ""),
    ("room", "free_by_Peter_Nerlich.jpg", ""),
    ("dogs", "friends_by_Aitzol_Berasategi.jpg", "turned"),
    ("room", "greentock_by_Peter_Nerlich.jpg", ""),
    ("hike", "life_by_Aitzol_Berasategi.jpg", "small"),
    ("hike", "picosdeeuropa_by_Aitzol_Berasategi.jpg", "crop recompressed"),
    ("garden", "seeding_by_Clements_Engelhardt.jpg", "brighter webp"),
    ("view", "sunset_by_Aitzol_Berasategi.jpg", "timestamp"),
    ("animals", "Kleiber_by_Lukas_Baubkus.jpg", ""),
    ("dogs", "pic1/IMG-20191006-WA0002.jpg", "recompressed crop"),
    ("dogs", "pic2/IMG_20200608_111614.jpg", "brighter timestamp"),
    ("dogs", "pic2/IMG_20200124_231153.jpg", ""),
    ("desk", "pic1/IMG_20200827_231612.jpg", ""),
    ("people", "skimage/data/astronaut.png", "copy"),
    ("people", "skimage/data/camera.png", ""),
    ("animals", "skimage/data/chelsea.png", "brighter turned"),
    ("table", "skimage/data/coffee.png", "crop recompressed"),
    ("room", "skimage/data/clock_motion.png", ""),
    ("view", "skimage/data/rocket.jpg", "timestamp"),
    ("sky", "skimage/data/hubble_deep_field.jpg", ""),
    ("scan", "skimage/data/retina.jpg", ""),
    ("ground", "skimage/data/brick.png", ""),
    ("ground", "skimage/data/gravel.png", ""),
    ("ground", "skimage/data/grass.png", "left"),
    ("ground", "skimage/data/grass.png", "right"),
    ("view", "datasets/images/china.jpg", "small copy crop"),
    ("garden", "datasets/images/flower.jpg", "png darker"),
    ("desk", "video_frames/frame_000200.jpg", ""),
    ("desk", "video_frames/frame_000217.jpg", ""),
)
# subject, end of the source's path, frames to take
BURSTS = (
    ("view", "widgets/cityCC0.mpg", range(0, 21, 3)),
    ("view", "widgets/cityCC0.mpg", range(120, 162, 6)),
    ("dogs", "movie1/VID_20191220_170832.mp4", range(0, 24, 3)),
    ("animals", "data/bigbuckbunny.mp4", range(106, 120, 2)),
    ("desk", "video_frames/frame_%06d.jpg", range(152, 158)),
)
PANS = (("view", "pic1/IMG_1054.JPG", range(6)),)

PARTS = {"left": (0.0, 0.48), "right": (0.52, 1.0)}  # of the width: no overlap


def timestamp(image: Image.Image) -> Image.Image:
    font, place = ImageFont.load_default(size=image.height // 18), (image.width * 0.97, image.height * 0.96)
    ImageDraw.Draw(image).text(place, "2024-05-12 10:15", (255, 170, 40), font, anchor="rs")
    return image


def scaled(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 5 // 8, image.height * 5 // 8), Image.Resampling.LANCZOS)


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "small": scaled,
    "png": scaled,
    "crop": lambda image: ImageOps.crop(image, image.height // 30),  # 7 % off the height, less off the width
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.78),
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),  # and a tag that turns it back
    "timestamp": timestamp,
}


def encoded(image: Image.Image, edit: str = "") -> bytes:
    """The bytes of the file, with no metadata but the orientation of a turned picture."""
    exif, buffer = Image.Exif(), BytesIO()
    if edit == "turned":
        exif[0x0112] = 6  # orientation: shown a quarter turn clockwise
    kind = edit if edit in ("png", "webp") else "jpeg"
    image.save(buffer, kind, quality=LOW_QUALITY if edit == "recompressed" else QUALITY, exif=exif)
    return buffer.getvalue()


def edited(base: bytes, edit: str) -> bytes:
    if edit == "copy":
        return base
    image = Image.open(BytesIO(base)).convert("RGB")
    return encoded(EDITS[edit](image) if edit in EDITS else image, edit)


def fitted(image: Image.Image) -> Image.Image:
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return image


def found(sources: Path, work: str) -> Path:
    for path in sorted(sources.rglob(Path(work).name)):
        if path.as_posix().endswith("/" + work):
            return path
    sys.exit(f"{work} is not in {sources}: unpack the packages that examples/photos/LICENSES.md names there.")


def opened(sources: Path, work: str) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(found(sources, work))).convert("RGB")


def video_frames(sources: Path, work: str, frames: range) -> Iterator[Image.Image]:
    if "%" in work:  # a video that is stored as one picture a frame
        yield from (opened(sources, work % number) for number in frames)
        return
    video = cv2.VideoCapture(str(found(sources, work)))
    for number in range(frames.stop):
        _, pixels = video.read()
        if number in frames:
            yield fitted(Image.fromarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)))


def pan_frames(sources: Path, work: str, steps: range) -> Iterator[Image.Image]:
    """A hand-held camera, simulated: a window that moves and zooms over a large photograph, and fresh sensor noise."""
    photo, draw = opened(sources, work), random.Random(SEED)
    for step in steps:
        left = photo.width * (0.03 + 0.012 * step + draw.uniform(-0.002, 0.002))
        top = photo.height * (0.06 + 0.004 * step + draw.uniform(-0.003, 0.003))
        width, height = photo.width * (0.84 - 0.006 * step), photo.height * (0.84 - 0.006 * step)
        frame = fitted(photo.crop((int(left), int(top), int(left + width), int(top + height))))
        noise = Image.frombytes("RGB", frame.size, draw.randbytes(frame.width * frame.height * 3))
        yield ImageChops.add(frame, noise.point([level // 20 for level in range(256)] * 3), offset=-6)


def pictures(sources: Path) -> Iterator[tuple[str, str, str, str, bytes]]:
    """Group, subject, source, change and bytes of every picture."""
    for index, (subject, work, words) in enumerate(PHOTOS, start=1):
        image, group = opened(sources, work), f"photo-{index:02}"
        left, right = PARTS.get(words, (0.0, 1.0))
        base = encoded(fitted(image.crop((int(image.width * left), 0, int(image.width * right), image.height))))
        yield group, subject, work, f"{words} part" if words in PARTS else "resized", base
        for edit in words.split() if words not in PARTS else ():
            yield group, subject, work, edit, edited(base, edit)
    for kind, runs, reader in (("burst", BURSTS, video_frames), ("pan", PANS, pan_frames)):
        for index, (subject, work, frames) in enumerate(runs, start=1):
            for number, frame in zip(frames, reader(sources, work, frames), strict=True):
                yield f"{kind}-{index}", subject, work, f"{kind} {number}", encoded(frame)


def name(subject: str, draw: random.Random) -> str:
    """A name such as a phone, a camera or a person gives."""
    number = draw.randrange(1, 10_000)
    phone = f"202406{draw.randrange(1, 29):02}_{draw.randrange(10, 20)}{number % 60:02}{number // 60 % 60:02}"
    return draw.choice([f"{subject}-{number % 400:04}", f"{subject}-{number % 400:04}", f"IMG_{number:04}", phone])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, help="folder with the unpacked packages")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "photos", help="folder to write to")
    parser.add_argument("--truth", type=Path, help="CSV file to write: what every file is")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    draw, rows = random.Random(SEED), dict[str, tuple[str, str, str, str]]()
    for group, subject, work, change, data in pictures(options.sources):
        while (stem := name(subject, draw)) in rows:
            pass
        file = f"{stem}.{change if change in ('png', 'webp') else 'jpg'}"
        rows[stem] = file, group, work, change
        (options.out / file).write_bytes(data)
    if options.truth:
        with options.truth.open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("file", "group", "source", "change"), *sorted(rows.values())])
    print(f"{len(rows)} pictures in {options.out}")


if __name__ == "__main__":
    main()
