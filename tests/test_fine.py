"""The fine look: what copying does to a picture is no difference, what somebody may label is one."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from labelonce.fine import look, rescaled
from labelonce.geometry import inverse
from pictures import texture

AS_IT_LIES = np.eye(2, 3)


def photo(seed=1, size=(800, 600)):
    return np.asarray(texture(seed, size))


def page(number="1024", size=28):
    """Lines of a form; one number in it, at (600, 300)."""
    image = Image.new("RGB", (900, 700), (250, 250, 247))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    for row in range(12):
        draw.text((60, 40 + 50 * row), f"{row}. Article number and price", fill=(20, 20, 30), font=font)
    draw.text((600, 300), number, fill=(20, 20, 30), font=font)
    draw.line((50, 650, 850, 650), fill=(20, 20, 30), width=2)
    return np.asarray(image)


def clipped(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def jpeg(rgb, quality=60):
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def resized(rgb, scale):
    """Another size, and how it lies on this one."""
    size = round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    made = cv2.resize(rgb, size, interpolation=method)
    return made, rescaled(AS_IT_LIES, (1, 1), (size[0] / rgb.shape[1], size[1] / rgb.shape[0]))


def turned(rgb, angle=3.0):
    """Turned about its middle, a plain ground where nothing is, and how it lies on this one."""
    height, width = rgb.shape[:2]
    forth = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), angle, 1.0)
    ground = tuple(int(value) for value in rgb[0, 0])
    made = cv2.warpAffine(rgb, forth, (width, height), flags=cv2.INTER_CUBIC, borderValue=ground)
    return made, inverse(np.asarray(forth, np.float64))


def cropped(rgb, share=0.05):
    height, width = rgb.shape[:2]
    x, y = round(share * width), round(share * height)
    return rgb[y : height - y // 2, x : width - x // 2], np.array([[1.0, 0, x], [0, 1, y]])


def as_it_lies(edit):
    return lambda rgb: (edit(rgb), AS_IT_LIES)


COPIES = {
    "equal": as_it_lies(lambda rgb: rgb),
    "JPEG 60": as_it_lies(jpeg),
    "80 %": lambda rgb: resized(rgb, 0.8),
    "125 %": lambda rgb: resized(rgb, 1.25),
    "brighter": as_it_lies(lambda rgb: clipped(1.25 * rgb.astype(float))),
    "darker": as_it_lies(lambda rgb: clipped(0.75 * rgb.astype(float))),
    "gamma": as_it_lies(lambda rgb: clipped(255 * (rgb / 255) ** 1.3)),
    "blurred": as_it_lies(lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 1)),
    "noise": as_it_lies(lambda rgb: clipped(rgb + np.random.default_rng(1).normal(0, 5, rgb.shape))),
    "cropped": cropped,
    "turned": turned,
}
PICTURES = {"photo": photo, "page": page}


def both_ways(a, b, transform):
    """What the look finds, which has to be the same the other way round."""
    there, back = look(a, b, transform), look(b, a, inverse(transform))
    assert there.same == back.same, (there, back)
    return there


@pytest.mark.parametrize("shown", PICTURES)
@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_is_the_same(shown, edit):
    rgb = PICTURES[shown]()
    other, transform = COPIES[edit](rgb)
    found = both_ways(rgb, other, transform)
    assert found.same
    assert found.boxes == ()


@pytest.mark.parametrize("shown", PICTURES)
@pytest.mark.parametrize("edit", COPIES)
def test_a_transform_from_thumbnails_is_refined(shown, edit):
    rgb = PICTURES[shown]()
    other, transform = COPIES[edit](rgb)
    assert look(rgb, other, transform + np.array([[0, 0, 1.5], [0, 0, -1.5]])).same


def scratched(rgb):
    """A scratch two pixels wide."""
    made = rgb.copy()
    ground = rgb[450:495, 500:560].reshape(-1, 3).mean()
    colour = (20, 20, 20) if ground > 128 else (235, 235, 235)
    cv2.line(made, (500, 450), (560, 495), colour, 2, cv2.LINE_AA)
    return made


def patched(rgb):
    """A patch in another colour of the same shade, or of one that brightening does not turn into white."""
    made = rgb.copy()
    lab = cv2.cvtColor(np.ascontiguousarray(rgb[420:520, 480:580]), cv2.COLOR_RGB2LAB)
    lab[..., 0] = np.minimum(lab[..., 0], 200)
    lab[..., 1] = np.where(lab[..., 1] > 128, 128 - 38, 128 + 38)
    made[420:520, 480:580] = cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)
    return made


CHANGES = {  # what changed, its middle in percent of the picture
    "scratch": (scratched, (530, 472)),
    "colour": (patched, (530, 470)),
}


def within(box, place, size, slack=2.0):
    """Whether a box holds a place in pixels, or nearly."""
    x, y = 100 * place[0] / size[0], 100 * place[1] / size[1]
    left, top, width, height = box
    return left - slack <= x <= left + width + slack and top - slack <= y <= top + height + slack


@pytest.mark.parametrize("edit", COPIES)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("shown", PICTURES)
def test_a_change_is_seen_through_what_copying_does_and_boxed(shown, change, edit):
    rgb = PICTURES[shown]()
    make, place = CHANGES[change]
    other, transform = COPIES[edit](make(rgb))
    found = both_ways(rgb, other, transform)
    assert not found.same
    assert found.boxes
    assert within(found.boxes[0], place, rgb.shape[1::-1])
    assert found.boxes[0][2] * found.boxes[0][3] < 500  # of 10,000: no more than the place


@pytest.mark.parametrize("scale", [0.6, 0.8, 1.25, 1.7])
@pytest.mark.parametrize("change", CHANGES)
def test_boxes_lie_in_the_first_picture_whichever_is_finer(change, scale):
    rgb = photo()
    make, place = CHANGES[change]
    other, transform = resized(make(rgb), scale)
    there, back = look(rgb, other, transform), look(other, rgb, inverse(transform))
    for found, size in ((there, rgb.shape[1::-1]), (back, other.shape[1::-1])):
        assert within(found.boxes[0], np.array(place) * size[0] / rgb.shape[1], size)
    part, transform = cropped(make(rgb), 0.2)
    x, y = transform[:, 2]
    assert within(look(rgb, part, transform).boxes[0], place, rgb.shape[1::-1])
    found = look(part, rgb, inverse(transform)).boxes[0]
    assert within(found, (place[0] - x, place[1] - y), part.shape[1::-1])


@pytest.mark.parametrize(
    ("size", "edit"),
    [
        *((size, edit) for size in (28, 18) for edit in ("equal", "JPEG 60", "brighter")),
        (12, "equal"),
        (12, "brighter"),
    ],
)
def test_another_digit_is_seen(size, edit):
    pages = [page(f"10{digit}4", size) for digit in range(10)]
    unseen = []
    for one, other in ((0, 6), (0, 9), (1, 7), (3, 8), (5, 6), (6, 8), (8, 9)):
        made, transform = COPIES[edit](pages[other])
        found = look(pages[one], made, transform)
        if found.same:
            unseen.append((one, other))
        else:
            assert within(found.boxes[0], (600 + 1.4 * size, 300 + size / 2), (900, 700))
    assert unseen == []


@pytest.mark.parametrize("side", [28, 64])
def test_small_pictures(side):
    def digit(number, thickness=0.1):
        drawn = np.zeros((8 * side, 8 * side, 3), np.uint8)
        scale, width = 8 * side / 32, max(1, round(thickness * 8 * side))
        cv2.putText(
            drawn,
            str(number),
            (round(1.6 * side), round(6.4 * side)),
            cv2.FONT_HERSHEY_SIMPLEX,
            scale,
            (255,) * 3,
            width,
        )
        return cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)

    for one, other in combinations(range(10), 2):
        assert not both_ways(digit(one), digit(other), AS_IT_LIES).same, (one, other)
    for number in range(10):
        for copy in (jpeg(digit(number), 90), clipped(0.85 * digit(number).astype(float))):
            assert both_ways(digit(number), copy, AS_IT_LIES).same, number


def shirt(colour):
    """A shirt with folds on a light ground."""
    image = Image.new("RGB", (400, 480), (226, 224, 220))
    ImageDraw.Draw(image).polygon(
        [
            (60, 110),
            (150, 60),
            (250, 60),
            (340, 110),
            (310, 190),
            (285, 175),
            (285, 430),
            (115, 430),
            (115, 175),
            (90, 190),
        ],
        fill=colour,
    )
    y, x = np.mgrid[0:480, 0:400].astype(np.float32)
    folds = 1 + 0.12 * np.sin(x / 17 + y / 40) + 0.05 * np.sin(y / 9)
    return clipped(np.asarray(image) * folds[..., None])


def gray_of(rgb):
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


@pytest.mark.parametrize("seed", range(4))
def test_a_gray_copy_of_a_colourful_photo_is_the_same(seed):
    rgb = photo(seed)
    assert both_ways(rgb, jpeg(gray_of(rgb), 85), AS_IT_LIES).same


SHIRTS = {
    "red": (190, 40, 45),
    "gray": (105, 105, 105),
    "blue": (40, 60, 190),
    "green": (40, 130, 60),
    "black": (30,) * 3,
}


@pytest.mark.parametrize(("one", "other"), list(combinations(SHIRTS, 2)))
def test_a_shirt_in_another_colour_is_another_shirt(one, other):
    found = both_ways(shirt(SHIRTS[one]), jpeg(shirt(SHIRTS[other]), 85), AS_IT_LIES)
    assert not found.same
    assert look(shirt(SHIRTS[one]), jpeg(shirt(SHIRTS[one]), 85), AS_IT_LIES).same


def test_a_gray_copy_of_a_red_shirt_may_be_a_gray_shirt():
    assert not both_ways(shirt(SHIRTS["red"]), gray_of(shirt(SHIRTS["red"])), AS_IT_LIES).same


def sunset(seed):
    """A photo in one hue, here strong and there faint."""
    shade = cv2.cvtColor(photo(seed), cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] / 255
    down = np.linspace(0.1, 1, shade.shape[0], dtype=np.float32)[:, None, None]
    return clipped(255 * shade * (1 - down * (1 - np.array([1, 0.6, 0.25], np.float32))))


@pytest.mark.parametrize("seed", range(3))
def test_a_gray_copy_of_a_photo_in_one_hue_is_the_same(seed):
    rgb = sunset(seed)
    assert both_ways(rgb, jpeg(gray_of(rgb), 85), AS_IT_LIES).same
    assert not both_ways(rgb, clipped(0.9 * gray_of(rgb).astype(float)), AS_IT_LIES).same


def test_the_light_of_the_whole_is_no_difference_and_of_a_part_is_one():
    rgb = photo(2)
    warm = clipped(rgb * np.array([1.08, 1.0, 0.93]))
    assert both_ways(rgb, warm, AS_IT_LIES).same
    shaded = rgb.copy()
    shaded[200:400, 300:500] = clipped(0.5 * rgb[200:400, 300:500].astype(float))
    assert not both_ways(rgb, shaded, AS_IT_LIES).same


def test_other_pictures_differ_nearly_everywhere():
    found = both_ways(photo(1), photo(2), AS_IT_LIES)
    assert found.structure == np.inf
    assert sum(width * height for _, _, width, height in found.boxes) > 5000


def test_pictures_that_hardly_overlap_differ():
    rgb = photo()
    assert not both_ways(rgb, rgb, np.array([[1.0, 0, 795], [0, 1, 595]])).same


def test_it_says_the_same_each_time():
    rgb = photo()
    other, transform = resized(scratched(rgb), 0.8)
    assert look(rgb, other, transform) == look(rgb.copy(), other.copy(), transform.copy())
