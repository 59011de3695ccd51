"""A project and what its labelling configuration says about images."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from labelonce.errors import ConfigurationError, NotFound, ServerError, UnsupportedProject
from labelonce.images.regions import Region, around
from labelonce.label_studio.outlines import Outline, Point
from labelonce.label_studio.server import Server

IGNORE_SKIPPED = "IGNORE_SKIPPED"
VARIABLE = re.compile(r"\$([^\s,$\[\]{}]+(?:\[\d+\][^\s,$\[\]{}]*)*)")
IN_TEXT = re.compile(r"(?:\$|\{\{\s*)(\w+(?:\.\w+|\[\d+\])*)")  # $question; and {{idx}}, which a Repeater fills in


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
        Data keys of what else people see with the images; what is there has to be equal in duplicates.
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
        """What else a task shows, as `Task.context`: a line for each variable, with a hash of what it stands for."""
        return "\n".join(f"${key} {_digest(_value(data, key))}" for key in self.context_keys)


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


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
    """Find the image fields, the keys of what else is shown, and the images' control tags in a configuration.

    Every variable in any attribute or text counts, whether people label what it stands for or only read it: a question
    in a Header makes another task of the same photo. Only the keys of the images themselves do not. A ``$`` that is
    none of a variable names a key that no task has, which is equal in all of them.

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
    fields: list[ImageField] = []
    for tag_name, given in found:
        if tag_name.lower() != "image":
            continue
        name, value = given.get("name", ""), given.get("valuelist") or given.get("value", "")
        variable = VARIABLE.fullmatch(value)
        if "{{" in value:
            raise UnsupportedProject(
                f"The Image tag {name!r} stands in a Repeater, which labelonce cannot compare. "
                "Use an Image tag with valueList instead."
            )
        if not variable:
            raise UnsupportedProject(
                f"The Image tag {name!r} shows {value!r}, which does not come from the task's data alone. "
                'Use a variable, as in value="$image".'
            )
        fields.append(ImageField(variable[1], is_list=bool(given.get("valuelist")), name=name))
    if not fields:
        raise UnsupportedProject("The labelling configuration has no Image tag: there is nothing to compare.")
    names = {field.name for field in fields}
    controls = {
        tag: None for tag, given in found if names & {name.strip() for name in given.get("toname", "").split(",")}
    }
    shown = [text for _, given in found for text in given.values()]
    shown += [text for tag in root.iter() for text in (isinstance(tag.tag, str) and tag.text, tag.tail) if text]
    keys = dict.fromkeys(key for text in shown for key in _variables(text))
    return tuple(fields), tuple(key for key in keys if key not in {field.key for field in fields}), tuple(controls)


def _variables(text: str) -> list[str]:
    """Data keys that a text of the configuration names."""
    whole = VARIABLE.fullmatch(text.strip())
    return [*([whole[1]] if whole else []), *IN_TEXT.findall(text)]
