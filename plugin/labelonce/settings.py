"""Every setting in one place: its name, environment variable, default and help.

A value comes from the command line, else from the environment, else from the configuration file, else it is the
default. The command line builds its options from the fields below, so that a setting is declared once.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from labelonce.errors import ConfigurationError
from labelonce.images.regions import Region, regions_of, without
from labelonce.values import check

GROUPS = (
    "server",
    "images",
    "similarity",
    "thresholds",
    "finding",
    "marking",
    "locking",
    "savings",
    "serving",
    "secret",
    "logs",
)
OF_A_SYNC = ("server", "images", "similarity", "thresholds", "finding", "marking", "locking")


def setting(
    default: Any,
    group: str,
    text: str,
    *,
    env: str | None = None,
    choices: tuple[str, ...] = (),
    kind: type = str,
    flags: tuple[str, ...] = (),
    least: float | None = None,
    secret: bool = False,
    many: bool = False,
) -> Any:
    """Declare one setting as a dataclass field; of `many`, the option may be given several times."""
    details = {"group": group, "text": text, "env": env, "choices": choices, "kind": kind, "flags": flags}
    return field(default=default, repr=not secret, metadata={**details, "least": least, "many": many})


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults.

    Raises
    ------
    ConfigurationError
        A value is not of the kind that its setting takes.
    """

    url: str | None = setting(None, "server", "Address of Label Studio.", env="LABEL_STUDIO_URL")
    api_key: str | None = setting(
        None,
        "server",
        "Personal access token or legacy token. Better given by the environment: others on this machine can see "
        "the command line.",
        env="LABEL_STUDIO_API_KEY",
        secret=True,
    )
    project: int | None = setting(
        None, "server", "Number of the project, as in its URL.", kind=int, flags=("-p",), least=1
    )
    timeout: float = setting(60.0, "server", "Seconds to wait for each answer.", kind=float, least=0.1)
    connections: int = setting(
        2,
        "server",
        "Writes under way at once. Two saturate a Label Studio on SQLite; try 8 on PostgreSQL.",
        kind=int,
        least=1,
    )

    workers: int = setting(
        16, "images", "Images fetched at once. All cores decode and embed what has come.", kind=int, least=1
    )
    max_bytes: int = setting(
        200_000_000, "images", "Larger files are not read; their tasks are kept.", kind=int, least=1
    )
    max_pixels: int = setting(
        170_000_000, "images", "Larger pictures are not decoded; their tasks are kept.", kind=int, least=1
    )
    image_timeout: float = setting(
        120.0,
        "images",
        "Seconds that one image may take as a whole, with its redirects and retries; its task is kept.",
        kind=float,
        least=0.1,
    )
    max_redirects: int = setting(5, "images", "How often one image may be sent on.", kind=int, least=0)
    allow_host: str | None = setting(
        None,
        "images",
        "Hosts that images may be fetched from although they lie on this machine or in a private network: names, "
        "addresses or networks, as in nas.local:8080,*.example.org,10.0.0.0/8. Label Studio's own address needs none.",
    )
    spool: int = setting(
        2_000_000_000,
        "images",
        "Bytes of fetched images that are kept on disk while a run may need them again; what does not fit is fetched "
        "twice. It is emptied at the end.",
        kind=int,
        least=0,
    )
    follow_links: bool = setting(False, "images", "Read files outside of a folder that links in it lead to.", kind=bool)
    store: Path | None = setting(
        None,
        "images",
        "SQLite file that remembers embeddings between runs. It can be deleted at any time. "
        "Default: in the user's cache folder.",
        kind=Path,
    )

    preset: str = setting(
        "default",
        "similarity",
        "recipe: the published method as it stands (vgg16, no verification, one representative).",
        choices=("default", "recipe"),
    )
    model: str | None = setting(
        None,
        "similarity",
        "What makes the embeddings: lite0, dct (no network, fast), vgg16, onnx:FILE, keras:FILE, or a name that an "
        "installed package registers. Default: lite0.",
    )
    weights: Path | None = setting(None, "similarity", "File with the network's weights.", kind=Path)
    scaling: str | None = setting(
        None,
        "similarity",
        "Pixel values that a network from a file takes: 0 to 255, 0 to 1, -1 to 1, or ImageNet's mean and deviation. "
        "Default: imagenet for onnx:FILE, raw for keras:FILE.",
        choices=("raw", "unit", "symmetric", "imagenet"),
    )
    level: str = setting(
        "auto",
        "similarity",
        "copies: the same picture, edited or encoded anew. near: nothing that someone may want to outline differs. "
        "scene: the same view and moment, even if something in it moved. auto: near; only equal pixels where the "
        "labelling configuration compares pictures with each other (Pairwise, Ranker).",
        choices=("auto", "copies", "near", "scene"),
    )
    invariant: str | None = setting(
        None,
        "similarity",
        "Also find pictures that are mirrored, or turned by quarters: mirror, rotate, or mirror,rotate.",
        choices=("mirror", "rotate", "mirror,rotate"),
    )
    roi: str | None = setting(
        None,
        "similarity",
        "Compare only this region of every image: x,y,w,h in percent of its width and height.",
    )
    roi_from_predictions: bool = setting(
        False,
        "similarity",
        "Compare only the region that holds what a task's predictions outline; without predictions the whole image.",
        kind=bool,
    )
    ignore: str | None = setting(
        None,
        "similarity",
        "Leave this place of every image out of every comparison, as for a burnt-in clock, a caption or a watermark: "
        "x,y,w,h in percent of what is compared (of the region, with --roi). Several are parted by semicolons, as in "
        "0,0,30,6;70,92,30,8, or given one by one.",
        many=True,
    )
    verify: str | None = setting(
        None,
        "similarity",
        "Check the pairs that the embedding proposes by geometry, or take them all. Default: geometry.",
        choices=("geometry", "none"),
    )
    eps: str | None = setting(
        None,
        "similarity",
        "How alike neighbours are at least: a similarity as in 95%, or a cosine distance (1 - cosine) as in 0.05. "
        "With verification this is what proposes pairs. The default depends on the model.",
    )
    overlays: str = setting(
        "count",
        "similarity",
        "Whether text, logos and time stamps on photographs tell them apart: ignore lets photographs differ in thin "
        "things, and in small ones as well. Other pictures are looked at closely in any case.",
        choices=("count", "ignore"),
    )
    min_samples: int = setting(
        2, "similarity", "Tasks within eps, itself included, that make a task the core of a cluster.", kind=int, least=1
    )
    representatives: str | None = setting(
        None,
        "similarity",
        "cover: every skipped image is a neighbour of the one that stands for it. one: the first of each cluster. "
        "Default: cover.",
        choices=("cover", "one"),
    )
    min_inliers: int | None = setting(
        None,
        "thresholds",
        "Least number of corners that agree on how one picture lies on the other.",
        kind=int,
        least=2,
    )
    min_inlier_share: float | None = setting(
        None, "thresholds", "Least share of them among the corners that look alike, percent.", kind=float, least=0
    )
    max_scale: float | None = setting(
        None, "thresholds", "Largest ratio of the two pictures' scales.", kind=float, least=1
    )
    min_overlap: float | None = setting(
        None, "thresholds", "Least share of each picture that lies inside the other, percent.", kind=float, least=0
    )
    max_change: float | None = setting(
        None, "thresholds", "Largest connected area that may differ, percent of the overlap.", kind=float, least=0
    )
    min_agreement: float | None = setting(
        None, "thresholds", "Least agreement of the aligned pictures as a whole, 0 to 1.", kind=float, least=0
    )
    strict: float | None = setting(
        None, "thresholds", "Least similarity of pictures that have no corners, percent.", kind=float, least=0
    )
    engine: str = setting(
        "auto",
        "similarity",
        "Neighbour search. exact: all pairs. cells, annoy, faiss: fast, and may overlook a few in a hundred thousand "
        "images; faiss needs pip install 'labelonce[faiss]'. auto: exact up to 10,000 different images, then cells.",
        choices=("auto", "exact", "cells", "annoy", "faiss"),
    )
    n_neighbors: int = setting(32, "similarity", "Neighbours that Annoy is first asked for.", kind=int, least=1)
    n_trees: int = setting(50, "similarity", "Trees in the Annoy index.", kind=int, least=1)
    search_k: int = setting(
        -1, "similarity", "Nodes that Annoy looks at; -1 is n_trees x n_neighbors.", kind=int, least=-1
    )
    metric: str = setting("angular", "similarity", "Annoy's metric.", choices=("angular", "euclidean", "dot"))

    find: str = setting(
        "wholes",
        "finding",
        "wholes: pictures that show about the same as a whole. crops: also crops to half, photos with borders, and "
        "photos within screenshots and collages. What shows less is skipped for what shows more, never the other way "
        "round. Takes several times as long.",
        choices=("wholes", "crops"),
    )

    mark: str = setting(
        "skip", "marking", "skip: mark duplicates as skipped and tag. tags: tag and make the tabs only.",
        choices=("skip", "tags"),
    )  # fmt: skip
    ignore_skipped: bool = setting(
        False,
        "marking",
        "Set the project to ignore skipped tasks (skip_queue IGNORE_SKIPPED), which halves the writes. It applies "
        "to people's skips too; undo restores it.",
        kind=bool,
    )

    wait: float | None = setting(
        None,
        "locking",
        "Seconds to wait while another labelonce works on the project; inf waits for ever. Default: leave at once.",
        kind=float,
        least=0,
    )

    seconds_per_label: float | None = setting(
        None, "savings", "Seconds that a label takes. Default: the project's own median.", kind=float, least=0
    )
    hourly_rate: float | None = setting(None, "savings", "What an hour of labelling costs.", kind=float, least=0)
    cost_per_label: float | None = setting(
        None, "savings", "What a label costs; goes before the hourly rate.", kind=float, least=0
    )
    currency: str | None = setting(None, "savings", "What money is counted in, as in EUR; is shown behind amounts.")

    host: str = setting(
        "127.0.0.1",
        "serving",
        "Address to listen at; 0.0.0.0 is every one of this machine, for anybody to reach.",
        env="LABELONCE_SERVE_HOST",
    )
    # not LABELONCE_PORT: Kubernetes sets that to something else where a service is named labelonce
    port: int = setting(
        8090, "serving", "Port to listen at; 0 takes a free one.", env="LABELONCE_SERVE_PORT", kind=int, least=0
    )
    reconcile: float = setting(
        300.0, "serving", "Seconds between syncs that no webhook asked for.", kind=float, least=1
    )
    settle: float = setting(
        1.0, "serving", "Seconds without a further webhook until a sync begins, so that a burst leads to one.",
        kind=float, least=0,
    )  # fmt: skip
    longest_settle: float = setting(
        10.0, "serving", "Seconds after which a sync begins although webhooks keep coming.", kind=float, least=0
    )
    runs_at_once: int = setting(
        2, "serving", "Projects synced at once at most; each takes memory of its own.", kind=int, least=1
    )
    max_webhook_bytes: int = setting(1_000_000, "serving", "Longer webhooks are refused.", kind=int, least=1)
    webhook_secret: str | None = setting(
        None,
        "secret",
        "What webhooks have to bring. Better given by the environment or a file: others on this machine can see the "
        "command line.",
        secret=True,
    )
    secret_file: Path | None = setting(
        None,
        "secret",
        "File that holds the secret where it is not set. Default: webhook-secret in the user's configuration folder.",
        kind=Path,
    )

    log_format: str = setting("text", "logs", "How log lines are written.", choices=("text", "json"))
    log_file: Path | None = setting(None, "logs", "Append log lines to this file. Default: standard error.", kind=Path)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            check(one, value)
            if one.metadata["kind"] is Path and value is not None:
                object.__setattr__(self, one.name, Path(value))
        if self.finds_crops and not (self.verifies and self.chosen_representatives == "cover"):
            raise ConfigurationError(
                "find = 'crops' needs pairs that are verified, and representatives that show what they stand for: "
                "leave --preset recipe, --verify none and --representatives one out."
            )

    @property
    def fetching(self) -> dict[str, Any]:
        """What the sources that fetch images take of these, by name."""
        names = ("timeout", "image_timeout", "max_bytes", "max_redirects", "allow_host")
        return {name: getattr(self, name) for name in names}

    @property
    def region(self) -> Region | None:
        """The part of every image that counts."""
        return None if self.roi is None else Region.parse(self.roi)

    @property
    def ignored(self) -> tuple[Region, ...]:
        """The places of every image that do not count."""
        return regions_of(self.ignore)

    @property
    def counted(self) -> str:
        """What of every image counts, as a text; empty for all of it."""
        return f"{self.region or ''}{without(self.ignored)}"

    @property
    def chosen_model(self) -> str:
        """The model, by name or by preset."""
        return self.model or ("vgg16" if self.preset == "recipe" else "lite0")

    @property
    def verifies(self) -> bool:
        """Whether pairs are verified by geometry."""
        return (self.verify or ("none" if self.preset == "recipe" else "geometry")) == "geometry"

    @property
    def finds_crops(self) -> bool:
        """Whether parts of pictures are compared too."""
        return self.find == "crops"

    @property
    def chosen_representatives(self) -> str:
        """How representatives are chosen."""
        return self.representatives or ("one" if self.preset == "recipe" else "cover")

    @property
    def store_path(self) -> Path:
        """Where the store is."""
        if self.store is not None:
            return self.store
        from platformdirs import user_cache_path

        try:
            return user_cache_path("labelonce", appauthor=False) / "store.sqlite3"
        except RuntimeError:
            raise ConfigurationError(
                "This user has no home folder, so that there is no place for the store. Name one with --store, or set "
                "HOME or XDG_CACHE_HOME."
            ) from None


def environment_variable(name: str) -> str:
    """The environment variable of a setting."""
    declared = {one.name: one.metadata["env"] for one in fields(Settings)}[name]
    return declared or f"LABELONCE_{name.upper()}"
