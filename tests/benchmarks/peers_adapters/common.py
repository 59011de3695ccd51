"""What the adapters share. An adapter runs in its peer's own environment and finds that peer's groups.

    python with_PEER.py IMAGES ANSWER.json default|sweep [METHOD]

`default` does what the peer does when nothing is set; `sweep` tries its threshold, on features computed once where the
peer allows that. The answer says, for each setting, which image stands for every skipped one.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

Skips = dict[str, str]
Runs = Iterator[tuple[str, Skips]]


def name(path: str | Path) -> str:
    """The file's name, which is what the truth knows it by."""
    return Path(path).name


def components(groups: Iterable[Iterable[str]]) -> list[list[str]]:
    """Join groups (or pairs) that share a member; members and components in alphabetical order."""
    parent: dict[str, str] = {}

    def root(one: str) -> str:
        parent.setdefault(one, one)
        while parent[one] != one:
            parent[one] = one = parent[parent[one]]
        return one

    for group in groups:
        first, *others = group
        for other in others:
            parent[root(other)] = root(first)
    joined: dict[str, list[str]] = {}
    for member in sorted(parent):
        joined.setdefault(root(member), []).append(member)
    return list(joined.values())


def keep_first(groups: Iterable[Iterable[str]]) -> Skips:
    """Skip all but the first of each group."""
    skips: Skips = {}
    for group in groups:
        kept, *others = group
        skips.update(dict.fromkeys(others, kept))
    return skips


def keep_unclaimed(neighbours: Mapping[str, Iterable[str]]) -> Skips:
    """Go through the images in order: one that nobody claimed is kept and claims its neighbours."""
    skips: Skips = {}
    for image, others in neighbours.items():
        if image not in skips:
            for other in others:
                skips.setdefault(other, image)
    return skips


def answer(runs: Callable[[Path, bool, str], Runs]) -> None:
    """Run as the command line says and write the answer."""
    images, out, mode, *method = sys.argv[1:]
    found = runs(Path(images), mode == "sweep", *(method or [""]))
    listed = [{"setting": setting, "skips": skips} for setting, skips in found]
    Path(out).write_text(json.dumps(listed))
