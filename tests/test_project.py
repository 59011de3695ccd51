"""What a labelling configuration says about images."""

import pytest

from labelonce.errors import ConfigurationError, NotFound, UnsupportedProject
from labelonce.label_studio.listing import read_all
from labelonce.label_studio.project import ImageField, parse_configuration, read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from studio import Person

LABEL = '<RectangleLabels name="label" toName="image"><Label value="Object"/></RectangleLabels>'

REPEATED = (
    '<View><Repeater on="$images" indexFlag="{{idx}}"><Image name="i_{{idx}}" value="$images[{{idx}}].url"/>'
    '<Choices name="c_{{idx}}" toName="i_{{idx}}"><Choice value="a"/></Choices></Repeater></View>'
)


def fields(objects: str) -> tuple[ImageField, ...]:
    return parse_configuration(f"<View>{objects}{LABEL}</View>")[0]


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ('<Image name="image" value="$photo"/>', [ImageField("photo")]),
        ('<image name="image" value="$photo"/>', [ImageField("photo")]),
        ('<IMAGE name="image" value="$photo"/>', [ImageField("photo")]),
        ('<Image name="image" valueList="$photos"/>', [ImageField("photos", is_list=True)]),
        ('<Image name="image" value="$a"/><Image name="b" value="$b"/>', [ImageField("a"), ImageField("b")]),
        ('<View><Image name="image" value="$deep"/></View>', [ImageField("deep")]),
        ('<Image name="image" value="$with-dash_1"/>', [ImageField("with-dash_1")]),
        ('<iMaGe NAME="image" Value=" $photo "/>', [ImageField("photo")]),
        ('<IMAGE NAME="image" VALUELIST="$photos"/>', [ImageField("photos", is_list=True)]),
        ('<!-- <Image name="b" value="$b"/> --><Image name="image" value="$a"/>', [ImageField("a")]),
        ('<Image name="image" value="$image.url"/>', [ImageField("image.url")]),
        ('<Image name="image" value="$images[0].url"/>', [ImageField("images[0].url")]),
    ],
)
def test_image_fields(objects, expected):
    assert fields(objects) == tuple(expected)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ('<View><Text name="t" value="$t"/><TextArea name="a" toName="t"/></View>', "no Image"),
        (f'<View><Image name="image" value="http://host/fixed.png"/>{LABEL}</View>', "does not come from"),
        (f'<View><Image name="image" value="http://host/$id.png"/>{LABEL}</View>', "does not come from"),
        (REPEATED, "Repeater"),
        ("<View><Image", "cannot be read"),
        ("<View></View>", "no Image"),
    ],
)
def test_what_cannot_be_handled(config, text):
    with pytest.raises(UnsupportedProject, match=text):
        parse_configuration(config)


def test_other_objects_that_people_label_count():
    config = (
        '<View><Image name="image" value="$image"/><Text name="question" value="$question"/>'
        '<Text name="hint" value="$hint"/><TextArea name="answer" toName="question"/></View>'
    )
    assert parse_configuration(config) == ((ImageField("image"),), ("question",))


def test_what_labelling_depends_on_counts():
    config = (
        '<View><Image name="image" value="$image"/><Text name="text" value="Is it $what in $where?"/>'
        '<CHOICES NAME="c" TONAME="text,image" VALUE="$options"/><Chat name="chat" value="$messages"/></View>'
    )
    assert parse_configuration(config)[1] == ("what", "where", "options", "messages")


CHOICES = '<Choices name="c" toName="image"><Choice value="a"/><Choice value="b"/></Choices>'


@pytest.mark.parametrize(
    ("config", "data", "images"),
    [
        (
            '<View><image NAME="image" VALUE="$image"/><textarea NAME="t" TONAME="image"/></View>',
            {"image": "a.png"},
            ("a.png",),
        ),
        (f'<View><Image name="image" value="$image.url"/>{CHOICES}</View>', {"image": {"url": "a.png"}}, ("a.png",)),
        (f'<View><Image name="image" value="$images[1]"/>{CHOICES}</View>', {"images": ["a", "b.png"]}, ("b.png",)),
        (f'<View><Image name="image" value=" $image "/>{CHOICES}</View>', {"image": "a.png"}, ("a.png",)),
        (f'<View><Image name="image" valueList="$images"/>{CHOICES}</View>', {"images": ["a", "b"]}, ("a", "b")),
        (f'<View><Image name="image" valueList="$images"/>{CHOICES}</View>', {"images": "a.png"}, ("a.png",)),
        (f'<View><Image name="image" value="$image"/>{CHOICES}</View>', {"image": ""}, None),
        (f'<View><Image name="image" value="$image"/>{CHOICES}</View>', {"image": ["a.png"]}, None),
    ],
)
def test_what_label_studio_accepts(labels, config, data, images):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project(config)
    (task,) = owner.import_tasks(number, [data])
    project = read_project(connection, number)
    found = read_all(connection, number, Progress())[task].task(project)
    assert found.images == (images or ())
    assert (found.problem is None) == (images is not None)


@pytest.mark.parametrize("value", ["http://host/fixed.png", "http://host/$id.png"])
def test_label_studio_accepts_what_cannot_be_compared(labels, value):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project(f'<View><Image name="image" value="{value}"/>{CHOICES}</View>')
    with pytest.raises(UnsupportedProject, match='value="\\$image"'):
        read_project(connection, number)


def test_uploads_that_came_before_the_configuration(labels):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project("<View></View>")
    (task,) = owner.upload(number, {"a.png": b"bytes"})
    config = f'<View><Image name="image" value="$picture"/>{CHOICES}</View>'
    owner.call("PATCH", f"/api/projects/{number}/", json={"label_config": config})
    project = read_project(connection, number)
    (image,) = read_all(connection, number, Progress())[task].task(project).images
    assert image.startswith("/data/upload/")


def test_a_real_project(labels):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    config = f'<View><image name="image" value="$first"/><Image name="more" valueList="$rest"/>{LABEL}</View>'
    number = owner.project(config)
    owner.import_tasks(number, [{"first": "a.png", "rest": ["b.png", "c.png"]}])
    project = read_project(connection, number)
    assert project.fields == (ImageField("first"), ImageField("rest", is_list=True))
    assert project.images({"first": "a.png", "rest": ["b.png", "c.png"]}) == ("a.png", "b.png", "c.png")
    for data in ({"first": "a.png"}, {"first": "", "rest": ["b.png"]}, {"first": "a.png", "rest": [None]}, {}):
        with pytest.raises(ValueError, match="no image under"):
            project.images(data)
    with pytest.raises(NotFound, match="Project 99999 does not exist"):
        read_project(connection, 99999)
    with pytest.raises(ConfigurationError, match="Which project"):
        read_project(connection, None)
    assert connection.writes == 0
