"""What the last run on a source found that would skip more, kept beside the store.

A project as it is says nothing of the pairs that were nearly skipped. `labelonce doctor` and `labelonce report` tell
what the last plan for it found, without comparing anything again.

    STORE.advice/KEY.json   hints, and what `scene` would leave
"""

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from labelonce.errors import NotOurs
from labelonce.planning import Outlook, json_pieces, outlook_of
from labelonce.writing import check_free, whole_text

ADVICE = re.compile(rb'\{\s*"hints":')


@dataclass(frozen=True)
class Advice:
    """As in `Plan`.

    Parameters
    ----------
    hints
        What would skip more, for a person.
    scene
        What the level `scene` would leave to label; None where that is not fewer, or it was not asked.
    """

    hints: tuple[str, ...] = ()
    scene: Outlook | None = None

    def __bool__(self) -> bool:
        return bool(self.hints or self.scene)


def keep_advice(store_path: Path, identity: str, advice: Advice) -> None:
    """Keep what a run on a whole source found, in place of what one before it did; nothing where nobody may write,
    or somebody's file is.

    Parameters
    ----------
    store_path
        The store beside which it lies.
    identity
        `Source.identity`.
    """
    path = _path_of(store_path, identity)
    with suppress(OSError, NotOurs):
        if not advice:
            check_free(path, ADVICE)
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # names of tasks tell something, too
        with whole_text(path, ADVICE) as file:
            file.writelines(json_pieces(vars(advice)))


def kept_advice(store_path: Path, identity: str) -> Advice:
    """What the last run found; nothing where none did, or the file is damaged. Nothing is written."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        content = json.loads(_path_of(store_path, identity).read_text(encoding="utf-8"))
        hints = tuple(content["hints"])
        if all(isinstance(hint, str) for hint in hints):
            return Advice(hints, outlook_of(content["scene"]))
    return Advice()


def _path_of(store_path: Path, identity: str) -> Path:
    return store_path.with_name(f"{store_path.name}.advice") / f"{sha256(identity.encode()).hexdigest()[:32]}.json"
