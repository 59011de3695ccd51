"""A project and what its labelling configuration says about images."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labelonce.errors import ConfigurationError, NotFound, ServerError, UnsupportedProject
from labelonce.images.regions import Region, around
from labelonce.label_studio.outlines import Outline, Point
from labelonce.label_studio.server import Server

IGNORE_SKIPPED = "IGNORE_SKIPPED"
VARIABLE = re.compile(r"\$([^\s,$\[\]{}]+(?:\[\d+\][^\s,$\[\]{}]*)*)")
SELF_LABELLED = frozenset({"chat", "reactcode"})  # objects that are their own control


@dataclass(frozen=True)
class ImageField:
    """One Image tag.

    Parameters
    ----------
    key
        The key in the task's data.
    is_list
        Whether it holds a list of images (``valueList``).
    name
        By which control tags and results refer to it.
    """

    key: str
    is_list: bool = False
    name: str = ""

    def images(self, data: Mapping[str, Any]) -> list[str]:
        """Locations of the images that the tag shows.

        Raises
        ------
        ValueError
            The value is missing or not what the configuration promises.
        """
        value = _value(data, self.key)
        values = value if self.is_list and isinstance(value, list) else [value]
        found = [one for one in values if isinstance(one, str) and one.strip()]
        if not found or len(found) < len(values):
            raise ValueError(f"the task has no image under {self.key!r}")
        return found


@dataclass(frozen=True)
class Project:
    """What labelonce needs to know of a project.

    Parameters
    ----------
    fields
        The Image tags in the order of the configuration.
    context_keys
        Data keys of the other objects that people label; they have to be equal in duplicates.
    controls
        Names of the control tags that point to an image.
    """

    id: int
    title: str
    skip_queue: str
    maximum_annotations: int
    fields: tuple[ImageField, ...]
    context_keys: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()

    def images(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """Locations of a task's images, in order.

        Raises
        ------
        ValueError
            A value is missing or not what the configuration promises.
        """
        return tuple(image for field in self.fields for image in field.images(data))

    def regions(self, data: Mapping[str, Any], outlined: Sequence[Outline]) -> tuple[Region | None, ...]:
        """The region around what is outlined on each of a task's images, in order; None where nothing is.

        Raises
        ------
        ValueError
            As `images` does.
        """
        points: dict[tuple[str, int], list[Point]] = {}
        for one in outlined:
            points.setdefault((one.name, one.index), []).extend(one.points)
        places = ((field.name, index) for field in self.fields for index in range(len(field.images(data))))
        return tuple(around(points[place]) if place in points else None for place in places)

    def context(self, data: Mapping[str, Any]) -> str:
        """What else is labelled in a task, as one comparable text."""
        return repr([_value(data, key) for key in self.context_keys]) if self.context_keys else ""


def _value(data: Mapping[str, Any], key: str) -> Any:
    """The value under a key, which may lead into what is nested, as in ``image.url`` or ``images[0]``."""
    if key in data:
        return data[key]
    found: Any = data
    for step in re.findall(r"[^.\[\]]+", key):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def identity_of(server: Server, project_id: int | None) -> str:
    """What tells a project from all others, as `Source.identity`."""
    return f"{server.url}/projects/{project_id}"


def read_project(server: Server, project_id: int | None, *, with_images: bool = True) -> Project:
    """Ask the server for a project.

    Parameters
    ----------
    with_images
        Whether the images are to be compared. Without, the labelling configuration does not matter, and `fields` is
        empty: what was made can be undone whatever the configuration has become.

    Raises
    ------
    NotFound
        There is no such project for this user.
    UnsupportedProject
        Its labelling configuration cannot be handled.
    """
    if project_id is None:
        raise ConfigurationError("Which project? Give its number, as in --project 3 (it stands in the project's URL).")
    try:
        answer = server.get(f"/api/projects/{project_id}/")
    except NotFound:
        raise NotFound(f"Project {project_id} does not exist at {server.url}, or this user may not see it.") from None
    try:
        parsed = parse_configuration(answer["label_config"]) if with_images else ((), (), ())
        return Project(
            id=answer["id"],
            title=answer["title"],
            skip_queue=answer["skip_queue"],
            maximum_annotations=answer["maximum_annotations"],
            fields=parsed[0],
            context_keys=parsed[1],
            controls=parsed[2],
        )
    except (KeyError, TypeError):
        raise ServerError(f"{server.url} describes no project as Label Studio does. Check the address.") from None


def parse_configuration(label_config: str) -> tuple[tuple[ImageField, ...], tuple[str, ...], tuple[str, ...]]:
    """Find the image fields, the keys of other labelled objects, and the images' control tags in a configuration.

    Raises
    ------
    UnsupportedProject
        No image, a fixed URL, a Repeater, or not a configuration at all.
    """
    from label_studio_sdk.label_interface.interface import LabelInterface

    try:
        *_, root = LabelInterface(label_config).parse(label_config)
    except Exception as error:  # the SDK raises errors of several libraries here
        raise UnsupportedProject(
            f"The labelling configuration cannot be read: {str(error)[:200]}. Save it in the project's settings."
        ) from None
    # Label Studio takes tags and attributes in any letter case, and the SDK's own lists miss some of them
    found = [
        (tag.tag, {name.lower(): text.strip() for name, text in tag.attrib.items()})
        for tag in root.iter()
        if isinstance(tag.tag, str)  # a comment's is not
    ]
    labelled = {name.strip() for _, given in found for name in given.get("toname", "").split(",")}
    fields: list[ImageField] = []
    context_keys: list[str] = []
    for tag_name, given in found:
        kind = tag_name.lower()
        name, value = given.get("name", ""), given.get("valuelist") or given.get("value", "")
        variable = VARIABLE.fullmatch(value)
        if kind != "image":
            if "toname" in given or kind in SELF_LABELLED or (name and name in labelled):
                keys = [variable[1]] if variable else re.findall(r"\$(\w+)", value)
                context_keys += [key for key in keys if key not in context_keys]
        elif "{{" in value:
            raise UnsupportedProject(
                f"The Image tag {name!r} stands in a Repeater, which labelonce cannot compare. "
                "Use an Image tag with valueList instead."
            )
        elif not variable:
            raise UnsupportedProject(
                f"The Image tag {name!r} shows {value!r}, which does not come from the task's data alone. "
                'Use a variable, as in value="$image".'
            )
        else:
            fields.append(ImageField(variable[1], is_list=bool(given.get("valuelist")), name=name))
    if not fields:
        raise UnsupportedProject("The labelling configuration has no Image tag: there is nothing to compare.")
    names = {field.name for field in fields}
    controls = {
        tag: None for tag, given in found if names & {name.strip() for name in given.get("toname", "").split(",")}
    }
    return tuple(fields), tuple(context_keys), tuple(controls)
