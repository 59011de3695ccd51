"""labelonce: label every image once.

Finds the near-duplicate image tasks of a Label Studio project, or the near-duplicate images of a folder, and keeps
one of each.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelonce.comparing.checking import check
    from labelonce.comparing.likeness import similarity
    from labelonce.comparing.vicinity import nearest
    from labelonce.errors import LabelOnceError
    from labelonce.label_studio.applying import apply_plan
    from labelonce.label_studio.project import read_project
    from labelonce.label_studio.server import Server
    from labelonce.label_studio.undoing import undo
    from labelonce.pipeline import Clusters, find_clusters, make_plan
    from labelonce.planning import Decision, Plan, Role, load_plan, save_plan
    from labelonce.progress import Progress
    from labelonce.settings import Settings
    from labelonce.sources.folder import FolderSource
    from labelonce.sources.label_studio import LabelStudioSource
    from labelonce.sources.memory import MemorySource
    from labelonce.tuning.sweeping import Sweep, sweep

__version__ = "0.1.0"

__all__ = [
    "Clusters",
    "Decision",
    "FolderSource",
    "LabelOnceError",
    "LabelStudioSource",
    "MemorySource",
    "Plan",
    "Progress",
    "Role",
    "Server",
    "Settings",
    "Sweep",
    "apply_plan",
    "check",
    "find_clusters",
    "load_plan",
    "make_plan",
    "nearest",
    "read_project",
    "save_plan",
    "similarity",
    "sweep",
    "undo",
]

# names are imported when they are used: the command line must answer at once
_HOMES = {
    "Clusters": "pipeline",
    "Decision": "planning",
    "FolderSource": "sources.folder",
    "LabelOnceError": "errors",
    "LabelStudioSource": "sources.label_studio",
    "MemorySource": "sources.memory",
    "Plan": "planning",
    "Progress": "progress",
    "Role": "planning",
    "Server": "label_studio.server",
    "Settings": "settings",
    "Sweep": "tuning.sweeping",
    "apply_plan": "label_studio.applying",
    "check": "comparing.checking",
    "find_clusters": "pipeline",
    "load_plan": "planning",
    "make_plan": "pipeline",
    "nearest": "comparing.vicinity",
    "read_project": "label_studio.project",
    "save_plan": "planning",
    "similarity": "comparing.likeness",
    "sweep": "tuning.sweeping",
    "undo": "label_studio.undoing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"labelonce.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
