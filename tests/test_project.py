"""What a labelling configuration says about images."""

from dataclasses import replace

import pytest

from labelonce.errors import ConfigurationError, NotFound, UnsupportedProject
from labelonce.images.regions import Region
from labelonce.label_studio.listing import as_task, read_each
from labelonce.label_studio.outlines import outlines
from labelonce.label_studio.project import ImageField, Project, parse_configuration, read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.sources.label_studio import LabelStudioSource
from labelonce.tasks import shown_apart
from studio import Person

LABEL = '<RectangleLabels name="label" toName="image"><Label value="Object"/></RectangleLabels>'

REPEATED = (
    '<View><Repeater on="$images" indexFlag="{{idx}}"><Image name="i_{{idx}}" value="$images[{{idx}}].url"/>'
    '<Choices name="c_{{idx}}" toName="i_{{idx}}"><Choice value="a"/></Choices></Repeater></View>'
)


def fields(objects: str) -> tuple[ImageField, ...]:
    found = parse_configuration(f"<View>{objects}{LABEL}</View>")[0]
    assert found[0].name == "image"
    return tuple(replace(field, name="") for field in found)


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


def test_what_people_label_and_what_they_only_read_counts():
    config = (
        '<View><Image name="image" value="$image"/><Text name="question" value="$question"/>'
        '<Text name="hint" value="$hint"/><TextArea name="answer" toName="question"/></View>'
    )
    assert parse_configuration(config) == ((ImageField("image", name="image"),), ("question", "hint"), ())


def test_what_labelling_depends_on_counts():
    config = (
        '<View><Image name="image" value="$image"/><Text name="text" value="Is it $what in $where?"/>'
        '<CHOICES NAME="c" TONAME="text,image" VALUE="$options"/><Chat name="chat" value="$messages"/></View>'
    )
    assert parse_configuration(config)[1:] == (("what", "where", "options", "messages"), ("CHOICES",))


@pytest.mark.parametrize(
    ("shown", "keys"),
    [
        ('<Header value="$question"/>', ("question",)),
        ('<HEADER VALUE=" $question "/>', ("question",)),
        ('<Header value="Is there a $thing, or $other.name[0]?"/>', ("thing", "other.name[0]")),
        ('<HyperText name="h" value="&lt;b&gt;$price&lt;/b&gt;"/>', ("price",)),
        ('<Text name="t" value="$with-dash_1"/>', ("with-dash_1", "with")),
        ('<Choices name="c" toName="image"><Choice value="$a" alias="$b" hint="is $c?"/></Choices>', ("a", "b", "c")),
        ('<Labels name="l" toName="image" value="$labels"/>', ("labels",)),
        ('<View whenTagName="$tag" style="color: $color"><Markdown value="$text"/></View>', ("tag", "color", "text")),
        ('<Table name="t" value="$table.rows"/><List name="l" value="$items[0].b"/>', ("table.rows", "items[0].b")),
        ('<Style>.a { color: $color }</Style>', ("color",)),
        ('<View><!-- $no -->and $after</View>', ("after",)),
        ('<Repeater on="$list" indexFlag="{{idx}}"><Text name="t_{{idx}}" value="$list[{{idx}}].text"/></Repeater>',
         ("list", "idx")),
        ('<Header value="{{ question }}"/>', ("question",)),
        ('<Header value="$image"/>', ()),
        ('<Header value="Which one?" size="4"/><!-- <Header value="$no"/> -->', ()),
    ],
)  # fmt: skip
def test_everything_that_is_shown_counts(shown, keys):
    config = f'<View><Image name="image" value="$image" zoom="true"/>{shown}</View>'
    fields, found, _ = parse_configuration(config)
    assert (fields, found) == ((ImageField("image", name="image"),), keys)


def test_other_attributes_of_an_image_count():
    config = '<View><Image name="image" value="$other" valueList="$images" caption="$caption"/></View>'
    fields, found, _ = parse_configuration(config)
    assert fields == (ImageField("images", is_list=True, name="image"),)
    assert found == ("other", "caption")


def test_the_context_is_what_the_variables_stand_for():
    keys = ("question", "user.name", "list[0].b", "5")
    project = Project(1, "a test", "", 1, (ImageField("image"),), keys)
    data = {"image": "a.png", "question": "red?", "user": {"name": "A"}, "list": [{"b": 1, "c": 2}]}
    first = project.context(data)
    assert [line.partition(" ")[0] for line in first.split("\n")] == ["$question", "$user.name", "$list[0].b", "$5"]
    assert "red" not in first
    assert project.context({**data, "image": "b.png", "unseen": "x", "list": [{"c": 3, "b": 1}]}) == first
    assert project.context({**data, "5": None}) == first
    for change, name in (
        ({"question": "blue?"}, "$question"),
        ({"user": {"name": "B"}}, "$user.name"),
        ({"list": []}, "$list[0].b"),
    ):
        other = project.context({**data, **change})
        assert shown_apart(first, other) == f"what is shown beside the picture differs: {name}"
    assert shown_apart(first, first) == ""
    assert replace(project, context_keys=()).context(data) == ""


def test_controls_are_the_tags_that_point_to_an_image():
    config = (
        '<View><Image name="image" value="$image"/><Text name="t" value="$t"/><Choices name="c" toName="image"/>'
        '<RectangleLabels name="r" toName="image"/><Choices name="d" toName="image"/><TextArea name="a" toName="t"/>'
        '<Rating name="s" toName="t, image"/></View>'
    )
    assert parse_configuration(config)[2] == ("Choices", "RectangleLabels", "Rating")


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
    found = only_task(connection, project, task)
    assert found.images == (images or ())
    assert (found.problem is None) == (images is not None)


def only_task(connection, project, number):
    ((state, data),) = read_each(connection, project.id)
    assert state.id == number
    return as_task(state, data, project)


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
    (image,) = only_task(connection, project, task).images
    assert image.startswith("/data/upload/")


def test_a_real_project(labels):
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    config = f'<View><image name="image" value="$first"/><Image name="more" valueList="$rest"/>{LABEL}</View>'
    number = owner.project(config)
    owner.import_tasks(number, [{"first": "a.png", "rest": ["b.png", "c.png"]}])
    project = read_project(connection, number)
    assert project.fields == (ImageField("first", name="image"), ImageField("rest", is_list=True, name="more"))
    assert project.images({"first": "a.png", "rest": ["b.png", "c.png"]}) == ("a.png", "b.png", "c.png")
    for data in ({"first": "a.png"}, {"first": "", "rest": ["b.png"]}, {"first": "a.png", "rest": [None]}, {}):
        with pytest.raises(ValueError, match="no image under"):
            project.images(data)
    with pytest.raises(NotFound, match="Project 99999 does not exist"):
        read_project(connection, 99999)
    with pytest.raises(ConfigurationError, match="Which project"):
        read_project(connection, None)
    assert connection.writes == 0


def shape(to_name="image", size=(100, 100), **value):
    """A result as a model writes it."""
    about = {"original_width": size[0], "original_height": size[1], "from_name": "label", "type": "rectanglelabels"}
    return {**about, "to_name": to_name, "value": value}


@pytest.mark.parametrize(
    ("result", "box"),
    [
        (shape(x=10, y=20, width=30, height=40), (10, 20, 40, 60)),
        (shape(x=50, y=50, width=30, height=10, rotation=90), (40, 50, 50, 80)),
        (shape(size=(200, 100), x=50, y=50, width=20, height=10, rotation=90), (45, 50, 50, 90)),
        (shape(x=50, y=50, radiusX=20, radiusY=10), (30, 40, 70, 60)),
        (shape(x=50, y=50, radiusX=20, radiusY=10, rotation=90), (40, 30, 60, 70)),
        (shape(size=(200, 100), x=50, y=50, radiusX=10, radiusY=5, rotation=90), (47.5, 30, 52.5, 70)),
        (shape(points=[[10, 30], [40, 20], [30, 60]]), (10, 20, 40, 60)),
        (shape(size=(None, None), x=1, y=2, width=3, height=4, rotation=None), (1, 2, 4, 6)),
    ],
)
def test_boxes_of_shapes(result, box):
    (found,) = outlines([result])
    xs, ys = zip(*found.points, strict=True)
    assert (min(xs), min(ys), max(xs), max(ys)) == pytest.approx(box)


def test_what_has_no_outline_is_passed_over():
    key_point, brush = shape(x=1, y=2, width=3), shape(format="rle", rle=[1, 2])
    values = [{"x": "a"}, {"x": float("inf")}, {"points": []}, {"points": [[1]]}, {"choices": ["a"]}]
    junk = [shape(**{"x": 1, "y": 2, "width": 3, "height": 4, **value}) for value in values[:2]]
    junk += [None, {}, {"value": None}, *(shape(**value) for value in values[2:])]
    assert outlines([key_point, brush, *junk]) == []
    assert outlines(None) == outlines({}) == []


def test_regions_from_predictions(labels):
    """The region of an image holds what all predictions of its task outline on it."""
    config = (
        '<View><Image name="one" value="$one"/><Image name="many" valueList="$many"/>'
        '<RectangleLabels name="label" toName="one"><Label value="Object"/></RectangleLabels>'
        '<RectangleLabels name="labels" toName="many"><Label value="Object"/></RectangleLabels></View>'
    )
    owner, connection = Person(labels.url, labels.token), Server(labels.url, labels.token)
    number = owner.project(config)
    data = {"one": "http://127.0.0.1:9/a.png", "many": ["http://127.0.0.1:9/b.png", "http://127.0.0.1:9/c.png"]}
    box = shape("one", x=10, y=20, width=10, height=20, rectanglelabels=["Object"])
    other = shape("one", x=50, y=10, width=80, height=10, rectanglelabels=["Object"])
    second = {**shape("many", x=40, y=50, width=0.5, height=20, rectanglelabels=["Object"]), "item_index": 1}
    point = {**shape("one", x=1, y=1, width=1, keypointlabels=["Object"]), "type": "keypointlabels"}
    rows = [
        {"data": data, "predictions": [{"result": [box, second]}, {"result": [other, point]}]},
        {"data": data},
        {"data": data, "predictions": [{"result": []}]},
    ]
    tasks = owner.import_tasks(number, rows)
    project = read_project(connection, number)

    def regions(**options):
        source = LabelStudioSource(connection, project, Progress(), timeout=30, max_bytes=1000, **options)
        assert source.controls == ("RectangleLabels",)
        return {task.id: task.regions for task in source.tasks()}

    assert regions() == dict.fromkeys(tasks, ())
    found = regions(regions_from_predictions=True)
    assert found[tasks[0]] == (Region(10, 10, 90, 30), None, Region(37.75, 50, 5, 20))
    assert found[tasks[1]] == found[tasks[2]] == ()
