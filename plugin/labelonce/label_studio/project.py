"""A project and what its labelling configuration says about images."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labelonce.errors import ConfigurationError, NotFound, UnsupportedProject
from labelonce.label_studio.server import Server

IGNORE_SKIPPED = "IGNORE_SKIPPED"
VARIABLE = re.compile(r"\$([^\s,$\[\]{}]+)")


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
            value = data.get(field.key)
            values = value if field.is_list and isinstance(value, list) else [value]
            images = [one for one in values if isinstance(one, str) and one.strip()]
            if not images or len(images) < len(values):
                raise ValueError(f"the task has no image under {field.key!r}")
            found += images
        return tuple(found)

    def context(self, data: Mapping[str, Any]) -> str:
        """What else is labelled in a task, as one comparable text."""
        return repr([data.get(key) for key in self.context_keys]) if self.context_keys else ""


def read_project(server: Server, project_id: int | None) -> Project:
    """Ask the server for a project.

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
    fields, context_keys = parse_configuration(answer["label_config"])
    return Project(
        id=answer["id"],
        title=answer["title"],
        skip_queue=answer["skip_queue"],
        maximum_annotations=answer["maximum_annotations"],
        fields=fields,
        context_keys=context_keys,
    )


def parse_configuration(label_config: str) -> tuple[tuple[ImageField, ...], tuple[str, ...]]:
    """Find the image fields, and the keys of other labelled objects, in a labelling configuration.

    Raises
    ------
    UnsupportedProject
        No image, a fixed URL, a Repeater, or not a configuration at all.
    """
    from label_studio_sdk.label_interface.interface import LabelInterface

    try:
        interface = LabelInterface(label_config)
        objects, controls = list(interface.objects), list(interface.controls)
    except Exception as error:  # the SDK raises errors of several libraries here
        raise UnsupportedProject(f"The labelling configuration cannot be read: {str(error)[:200]}") from None
    labelled = {name for control in controls for name in (control.to_name or [])}
    fields: list[ImageField] = []
    context_keys: list[str] = []
    for tag in objects:
        attributes = {name.lower(): value for name, value in (tag.attr or {}).items()}
        value = attributes.get("valuelist") or attributes.get("value") or tag.value or ""
        variable = VARIABLE.fullmatch(value)
        if (tag.tag or "").lower() != "image":
            if tag.name in labelled and variable:
                context_keys.append(variable[1])
        elif "{{" in value:
            raise UnsupportedProject(
                f"The Image tag {tag.name!r} stands in a Repeater, which labelonce cannot compare. "
                "Use an Image tag with valueList instead."
            )
        elif not variable:
            raise UnsupportedProject(
                f"The Image tag {tag.name!r} shows {value!r}, which does not come from the task's data: every task has "
                'the same picture. Use a variable, as in value="$image".'
            )
        else:
            fields.append(ImageField(variable[1], is_list="valuelist" in attributes))
    if not fields:
        raise UnsupportedProject("The labelling configuration has no Image tag: there is nothing to compare.")
    return tuple(fields), tuple(context_keys)
