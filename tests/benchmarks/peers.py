"""labelonce beside its peers: quality and cost on one corpus, from one run.

    .venv/bin/python tests/benchmarks/peers.py TRUTH.csv SCORER.py [--peers fastdup,imagededup] [--only-labelonce]
        [--environments .peers] [--json FILE] [--markdown FILE]

TRUTH.csv has a column `file`, relative to its own folder; exactly these images are copied and given to every tool.
SCORER.py is called as `SCORER.py TRUTH DECISIONS --json OUT`, where DECISIONS has the columns `file,representative`.

Each peer gets an environment of its own, which a second run uses again. It is measured as it comes, and at the best of
its thresholds in hindsight: the one with the highest F1 against the truth, which nobody knows beforehand. CPU seconds
are user and system time of the whole process and its children, Python's start included, with nothing remembered of
the images; each tool's network is ready (labelonce converts its own once for each machine, before its first row).
Peak memory is that of the largest process, the 25 MB of this one being the least that is told. What cannot be
installed or run gets a row without figures, and the reason below the table.
"""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = Path(__file__).resolve().parent / "peers_adapters"
TIMEOUT = 15 * 60  # seconds, for each process

LABELONCE: Sequence[tuple[str, Sequence[str]]] = (
    ("default", ()),
    ("level scene", ("--level", "scene")),
    ("level near", ("--level", "near")),
    ("level copies", ("--level", "copies")),
    ("scene, model dct", ("--level", "scene", "--model", "dct")),
    ("model vgg16", ("--model", "vgg16")),
    ("no verification", ("--verify", "none")),
    ("near, change not looked at", ("--level", "near", "--max-change", "100")),
    ("scene, share of corners not asked", ("--level", "scene", "--min-inlier-share", "0")),
    ("scene, agreement not asked", ("--level", "scene", "--min-agreement", "0")),
    ("one representative", ("--level", "scene", "--representatives", "one")),
    ("scene, engine annoy", ("--level", "scene", "--engine", "annoy")),
)
VGG16 = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"


@dataclass(frozen=True)
class Peer:
    """A row of the table: a package, its adapter, and which of the package's methods."""

    requirement: str
    adapter: str
    method: str = ""

    @property
    def package(self) -> str:
        """The package's name."""
        return self.requirement.partition("==")[0]

    @property
    def version(self) -> str:
        """The package's version."""
        return self.requirement.partition("==")[2]

    @property
    def title(self) -> str:
        """What the table calls it."""
        return f"{self.package} {self.method}".strip()


PEERS = (
    Peer("fastdup==2.54", "with_fastdup.py"),
    *(
        Peer("imagededup==0.3.3.post2", "with_imagededup.py", one)
        for one in ("PHash", "DHash", "AHash", "WHash", "CNN")
    ),
    Peer("cleanvision==0.3.7", "with_cleanvision.py"),
    Peer("imgcheck==0.2.1", "with_imgcheck.py"),
    Peer("image-dedup-ai==0.1.0", "with_image_dedup_ai.py"),
    Peer("czkawka==0.1.2", "with_czkawka.py"),
    Peer("argus-curator==0.6.0", "with_argus_curator.py"),
)

# no tool calls home, asks for a newer version or looks for models
QUIET = {
    "SENTRY_OPT_OUT": "1",
    "FASTDUP_PRODUCTION": "1",
    "HF_HUB_OFFLINE": "1",
}


class ToolError(Exception):
    """A tool cannot be installed or run; the text is one line that says why."""


@dataclass(frozen=True)
class Cost:
    """What a process and its children took."""

    cpu_seconds: float
    peak_megabytes: float


@dataclass(frozen=True)
class Row:
    """A line of the table; without scores, the reason says why."""

    tool: str
    version: str
    setting: str
    images: int
    scores: Mapping[str, float] | None = None
    cost: Cost | None = None
    reason: str = ""


@dataclass(frozen=True)
class Corpus:
    """The images, the truth about them, and who judges."""

    names: tuple[str, ...]
    images: Path
    truth: Path
    scorer: Path


def say(text: str) -> None:
    """Show progress."""
    print(text, file=sys.stderr, flush=True)


def last_line(text: str, length: int = 160) -> str:
    """The last line with something on it; progress bars end with a carriage return."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines()]
    return next((line[:length] for line in reversed(lines) if line), "it said nothing")


def copied(truth: Path, folder: Path) -> tuple[str, ...]:
    """Copy the images of the truth into one folder; their names, in order."""
    with truth.open(newline="") as handle:
        files = [row["file"] for row in csv.DictReader(handle)]
    folder.mkdir()
    for file in files:
        shutil.copyfile(truth.parent / file, folder / Path(file).name)
    return tuple(Path(file).name for file in files)


def weights_folders() -> dict[str, str]:
    """Where downloaded weights lie, if there are any: the tools' home is another one while they are measured."""
    return {
        "TORCH_HOME": os.environ.get("TORCH_HOME") or str(Path.home() / ".cache" / "torch"),
        "KERAS_HOME": os.environ.get("KERAS_HOME") or str(Path.home() / ".keras"),
    }


def surroundings(home: Path, caches: Path) -> dict[str, str]:
    """Environment variables of a measured process: an empty home, no settings of labelonce, no calls home."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("LABEL", "PYTHON"))}
    own = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache"), "MPLCONFIGDIR": str(caches / "matplotlib")}
    return inherited | QUIET | weights_folders() | own


def measured(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], *, seconds: float | None = None
) -> Cost:
    """Run a command in a folder and tell its cost.

    Parameters
    ----------
    seconds
        How long it may take; `TIMEOUT` where nothing is said.

    Raises
    ------
    ToolError
        It failed, or took longer than the limit.
    """
    seconds = seconds or TIMEOUT
    log = folder / "log.txt"
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:  # Ctrl-C does not reach a session of its own
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode == -signal.SIGKILL:
        raise ToolError(f"killed: it took longer than {seconds // 60:.0f} minutes, or too much memory")
    if process.returncode:
        raise ToolError(last_line(log.read_text(errors="replace")))
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit)


def environment_for(peer: Peer, environments: Path) -> Path:
    """The Python of the peer's environment, which is made where it is missing or of another version.

    Raises
    ------
    ToolError
        The package cannot be installed.
    """
    folder = environments / peer.package
    python, installed = folder / "bin" / "python", folder / "installed.txt"
    if installed.is_file() and installed.read_text() == peer.requirement:
        return python
    say(f"  installing {peer.requirement}")
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    for command in ((sys.executable, "-m", "venv", "--clear", folder), (python, *pip, peer.requirement)):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired:
            raise ToolError(f"its installation took longer than {TIMEOUT // 60} minutes") from None
        if done.returncode:
            raise ToolError(f"not installed: {last_line(done.stderr or done.stdout)}")
    installed.write_text(peer.requirement)
    return python


def write_decisions(names: Iterable[str], skips: Mapping[str, str], path: Path) -> None:
    """Write `file,representative` for every image; a kept image names itself."""
    with path.open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(("file", "representative"))
        writer.writerows((name, skips.get(name, name)) for name in names)


def scored(corpus: Corpus, decisions: Path) -> dict[str, float]:
    """The scorer's figures for all images.

    Raises
    ------
    ToolError
        The scorer refuses the decisions.
    """
    out = decisions.with_suffix(".json")
    judge = (sys.executable, corpus.scorer, corpus.truth, decisions, "--json", out)
    done = subprocess.run(judge, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if done.returncode:
        raise ToolError(f"the scorer says: {last_line(done.stderr)}")
    figures: dict[str, float] = json.loads(out.read_text())["all"]
    return figures


def best(runs: Iterable[tuple[str, Mapping[str, float]]]) -> tuple[str, Mapping[str, float]]:
    """The setting with the highest F1; of equal ones, the most precise, else the first."""
    return max(runs, key=lambda run: (run[1]["f1"], run[1]["precision"]))


def ask(
    peer: Peer, mode: str, python: Path, corpus: Corpus, caches: Path
) -> tuple[list[tuple[str, dict[str, float]]], Cost]:
    """Run a peer's adapter in a fresh home and score each of its settings.

    Raises
    ------
    ToolError
        The peer cannot run.
    """
    say(f"  {mode}")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        command = [python, ADAPTERS / peer.adapter, corpus.images, folder / "answer.json", mode]
        cost = measured([*command, *filter(None, [peer.method])], folder, surroundings(folder, caches))
        runs = []
        for run in json.loads((folder / "answer.json").read_text()):
            write_decisions(corpus.names, run["skips"], folder / "decisions.csv")
            runs.append((run["setting"], scored(corpus, folder / "decisions.csv")))
        return runs, cost


def peer_rows(peer: Peer, corpus: Corpus, environments: Path) -> list[Row]:
    """A peer as it comes, and at its best threshold."""
    row = Row(peer.title, peer.version, "default", len(corpus.names))
    try:
        python = environment_for(peer, environments)
    except ToolError as error:
        return [replace(row, reason=str(error))]
    try:  # before what is measured, so that it finds compiled modules and fonts
        setting, figures = best(ask(peer, "sweep", python, corpus, environments)[0])
        tuned = replace(row, setting=f"best: {setting}", scores=figures)
    except ToolError as error:
        tuned = replace(row, setting="best", reason=str(error))
    try:
        [(setting, figures)], cost = ask(peer, "default", python, corpus, environments)
    except ToolError as error:
        return [replace(row, reason=str(error))]
    return [replace(row, setting=f"default: {setting}", scores=figures, cost=cost), tuned]


def labelonce_row(title: str, arguments: Sequence[str], corpus: Corpus, caches: Path) -> Row:
    """One setting of labelonce, by its command line."""
    row = Row("labelonce", version("labelonce"), title, len(corpus.names))
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        try:
            if "vgg16" in arguments and not Path(weights_folders()["KERAS_HOME"], "models", VGG16).is_file():
                raise ToolError("its weights come from the internet on first use, and are not on this machine")
            cost = labelonce(corpus.images, folder, caches, arguments)
            return replace(row, scores=scored(corpus, folder / "decisions.csv"), cost=cost)
        except ToolError as error:
            return replace(row, reason=str(error))


def labelonce(images: Path, folder: Path, caches: Path, arguments: Sequence[str] = ()) -> Cost:
    """Run labelonce on images with an empty store; decisions.csv is in the folder."""
    files = ["--decisions", folder / "decisions.csv", "--store", folder / "store.sqlite3"]
    environment = surroundings(folder, caches) | {"XDG_CACHE_HOME": str(caches / "labelonce")}
    return measured([sys.executable, "-m", "labelonce", "folder", images, *files, *arguments], folder, environment)


def convert_network(corpus: Corpus, caches: Path) -> None:
    """Let labelonce see one image, so that its network is ready."""
    with tempfile.TemporaryDirectory() as home:
        one = Path(home, "one")
        one.mkdir()
        shutil.copyfile(corpus.images / corpus.names[0], one / corpus.names[0])
        labelonce(one, Path(home), caches)


COLUMNS = ("tool", "version", "setting", "precision", "recall", "F1", "wrong", "lost", "CPU s", "ms/image", "peak MB")


def cells(row: Row) -> list[str]:
    """The row's texts, one for each column."""
    figures = row.scores or {}
    quality = [f"{figures[key]:.4f}" if figures else "" for key in ("precision", "recall", "f1")]
    losses = [f"{figures[key]:.0f}" if figures else "" for key in ("wrong", "lost")]
    cost = ["", "", ""]
    if row.cost is not None:
        seconds = row.cost.cpu_seconds
        cost = [f"{seconds:.1f}", f"{1000 * seconds / row.images:.1f}", f"{row.cost.peak_megabytes:.0f}"]
    setting = f"{row.setting}: not run" if row.reason else row.setting
    return [row.tool, row.version, setting, *quality, *losses, *cost]


def table(rows: Iterable[Row]) -> str:
    """All rows as a Markdown table that also reads well as text; below it, why some have no figures."""
    rows = list(rows)
    lines = [list(COLUMNS), *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    texts = 3  # columns of text before those of numbers
    rule = ["-" * width if column < texts else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    padded = [
        [cell.ljust(widths[i]) if i < texts else cell.rjust(widths[i]) for i, cell in enumerate(line)] for line in lines
    ]
    drawn = [f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]]]
    reasons = [f"- {row.tool}, {row.setting}: not run: {row.reason}" for row in rows if row.reason]
    return "\n".join([*drawn, "", *reasons] if reasons else drawn)


def measure(corpus: Corpus, peers: Sequence[Peer], environments: Path) -> list[Row]:
    """All rows, labelonce's own first."""
    convert_network(corpus, environments)
    rows = []
    for title, arguments in LABELONCE:
        say(f"labelonce, {title}")
        rows.append(labelonce_row(title, arguments, corpus, environments))
    for peer in peers:
        say(peer.title)
        rows += peer_rows(peer, corpus, environments)
    return rows


def chosen(names: str | None) -> list[Peer]:
    """The peers of a comma-separated list of packages; all without one."""
    known = {peer.package for peer in PEERS}
    wanted = known if names is None else set(names.split(","))
    if unknown := wanted - known:
        raise argparse.ArgumentTypeError(f"no peer {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return [peer for peer in PEERS if peer.package in wanted]


def main() -> None:
    """Measure as the command line says and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", type=Path)
    parser.add_argument("scorer", type=Path)
    parser.add_argument("--peers", type=chosen, default=list(PEERS), help="only these packages, comma-separated")
    parser.add_argument("--only-labelonce", action="store_true", help="no peers")
    parser.add_argument("--environments", type=Path, default=ROOT / ".peers", help="folder of the peers' environments")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    options = parser.parse_args()
    environments = options.environments.resolve()
    environments.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        images = Path(temporary) / "images"
        names = copied(options.truth, images)
        corpus = Corpus(names, images, options.truth.resolve(), options.scorer.resolve())
        rows = measure(corpus, [] if options.only_labelonce else options.peers, environments)
    listed: list[dict[str, Any]] = [asdict(row) for row in rows]
    if options.json:
        options.json.write_text(json.dumps(listed, indent=1) + "\n")
    if options.markdown:
        options.markdown.write_text(table(rows) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
