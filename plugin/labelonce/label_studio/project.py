"""A project and what its labelling configuration says about images."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelonce.errors import ConfigurationError, NotFound, ServerError, UnsupportedProject
from labelonce.label_studio.server import Server

IGNORE_SKIPPED = "IGNORE_SKIPPED"
VARIABLE = re.compile(r"\$([^\s,$\[\]{}]+(?:\[\d+\][^\s,$\[\]{}]*)*)")
SELF_LABELLED = frozenset({"chat", "reactcode"})  # objects that are their own control


@dataclass(frozen=True)
class ImageField:
    """One Image tag: the key in the task's data, and whether it holds a list of images (``valueList``)."""

    key: str
    is_list: bool = False


@dataclass(frozen=True)
class Project:
    """What labelonce needs to know of a project.

    Parameters
    ----------
    fields
        The Image tags in the order of the configuration.
    context_keys
        Data keys of the other objects that people label; they have to be equal in duplicates.
    """

    id: int
    title: str
    skip_queue: str
    maximum_annotations: int
    fields: tuple[ImageField, ...]
    context_keys: tuple[str, ...] = ()

    def images(self, data: Mapping[str, Any]) -> tuple[str, ...]:
        """Locations of a task's images, in order.

        Raises
        ------
        ValueError
            A value is missing or not what the configuration promises.
        """
        found: list[str] = []
        for field in self.fields:
            value = _value(data, field.key)
            values = value if field.is_list and isinstance(value, list) else [value]
            images = [one for one in values if isinstance(one, str) and one.strip()]
            if not images or len(images) < len(values):
                raise ValueError(f"the task has no image under {field.key!r}")
            found += images
        return tuple(found)

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
        fields, context_keys = parse_configuration(answer["label_config"]) if with_images else ((), ())
        return Project(
            id=answer["id"],
            title=answer["title"],
            skip_queue=answer["skip_queue"],
            maximum_annotations=answer["maximum_annotations"],
            fields=fields,
            context_keys=context_keys,
        )
    except (KeyError, TypeError):
        raise ServerError(f"{server.url} describes no project as Label Studio does. Check the address.") from None


def parse_configuration(label_config: str) -> tuple[tuple[ImageField, ...], tuple[str, ...]]:
    """Find the image fields, and the keys of other labelled objects, in a labelling configuration.

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
        (tag.tag.lower(), {name.lower(): text.strip() for name, text in tag.attrib.items()})
        for tag in root.iter()
        if isinstance(tag.tag, str)  # a comment's is not
    ]
    labelled = {name.strip() for _, given in found for name in given.get("toname", "").split(",")}
    fields: list[ImageField] = []
    context_keys: list[str] = []
    for kind, given in found:
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
            fields.append(ImageField(variable[1], is_list=bool(given.get("valuelist"))))
    if not fields:
        raise UnsupportedProject("The labelling configuration has no Image tag: there is nothing to compare.")
    return tuple(fields), tuple(context_keys)
