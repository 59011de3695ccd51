"""How near `cover` comes to the fewest representatives that there can be.

    .venv/bin/python tests/benchmarks/cover.py [--graphs 100] [--seed 0] [--json FILE]

Draws clusters as embeddings make them: points about a centre in 1, 2, 4 or 16 dimensions, of which those are
neighbours that are nearest to each other, as many pairs as the density asks for and at least so many that the cluster
is connected. The fewest representatives (a minimum dominating set) are found by an exact solver of integer programmes.
Prints, by size and density, the mean and the worst ratio of representatives to the fewest, and how often they are the
fewest; and beside it the images that `one` skips though they are no neighbours of the one that stands for them.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from labelonce.clustering import Preference, represent
from labelonce.neighbours import Pairs

SIZES = (3, 5, 10, 20, 40)
DENSITIES = (0.0, 0.3, 0.6)  # share of the pairs that are neighbours; 0: what connects the cluster
DIMENSIONS = (1, 2, 4, 16)


@dataclass(frozen=True)
class Found:
    """One cluster: its representatives by `cover`, the fewest, and what `one` skips beside nobody."""

    size: int
    density: float
    cover: int
    fewest: int
    unlike: int


@dataclass(frozen=True)
class Row:
    """Clusters of one size and density; ratios are to the fewest representatives, shares from 0 to 1."""

    size: int | str
    density: float | str
    clusters: int
    cover: float
    fewest: float
    ratio: float
    worst: float
    optimal: float
    unlike: float


def cluster_of(points: NDArray[np.float64], density: float) -> Pairs:
    """The nearest pairs of points, so many that they connect all."""
    distance = pdist(points)
    longest = minimum_spanning_tree(squareform(distance)).data.max()
    reach = max(longest, np.sort(distance)[max(0, round(density * len(distance)) - 1)])
    left, right = np.triu_indices(len(points), 1)
    near = distance <= reach
    return Pairs(left[near], right[near], np.ones(int(near.sum()), np.float32))


def fewest(n: int, pairs: Pairs) -> int:
    """Size of a minimum dominating set of a graph with `n` nodes."""
    beside = np.eye(n)
    beside[pairs.left, pairs.right] = beside[pairs.right, pairs.left] = 1
    solved = milp(np.ones(n), integrality=np.ones(n), bounds=Bounds(0, 1), constraints=LinearConstraint(beside, lb=1))
    if not solved.success:
        raise RuntimeError(solved.message)
    return round(solved.fun)


def compare(n: int, pairs: Pairs, rank: NDArray[np.int64], density: float) -> Found:
    """One cluster by `cover`, by `one` and by the solver."""
    labels, preference = np.zeros(n, np.int64), Preference(np.zeros(n, bool), rank, np.arange(n))
    chosen = {method: represent(labels, pairs, preference, method) for method in ("cover", "one")}
    beside = (chosen["one"][pairs.left] == pairs.right) | (chosen["one"][pairs.right] == pairs.left)
    return Found(n, density, len(np.unique(chosen["cover"])), fewest(n, pairs), n - 1 - int(beside.sum()))


def drawn(graphs: int, seed: int) -> Iterator[Found]:
    """So many clusters of every size, density and dimension."""
    rng = np.random.default_rng(seed)
    for size in SIZES:
        for density in DENSITIES:
            for dimension in DIMENSIONS:
                for _ in range(graphs):
                    pairs = cluster_of(rng.normal(size=(size, dimension)), density)
                    yield compare(size, pairs, rng.permutation(size), density)


def row(size: int | str, density: float | str, found: Sequence[Found]) -> Row:
    """Figures of some clusters."""
    ratios = [one.cover / one.fewest for one in found]
    return Row(
        size,
        density,
        len(found),
        statistics.mean(one.cover for one in found),
        statistics.mean(one.fewest for one in found),
        statistics.mean(ratios),
        max(ratios),
        statistics.mean(ratio == 1 for ratio in ratios),
        sum(one.unlike for one in found) / sum(one.size - 1 for one in found),
    )


def rows(found: Sequence[Found]) -> list[Row]:
    """Figures by size and density, and of all."""
    cells = sorted({(one.size, one.density) for one in found})
    parts = [row(*cell, [one for one in found if (one.size, one.density) == cell]) for cell in cells]
    return [*parts, row("all", "", found)]


def table(rows: Sequence[Row]) -> str:
    """The figures in Markdown."""
    lines = [
        "| images | density | clusters | cover | fewest | mean ratio | worst | optimal | unlike by one |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.size} | {one.density} | {one.clusters} | {one.cover:.2f} | {one.fewest:.2f} | {one.ratio:.3f} "
        f"| {one.worst:.2f} | {one.optimal:.1%} | {one.unlike:.1%} |"
        for one in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Draw, solve, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=100, help="clusters of each size, density and dimension")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    given = parser.parse_args()
    figures = rows(list(drawn(given.graphs, given.seed)))
    print(table(figures))
    if given.json:
        content = {"graphs": given.graphs, "seed": given.seed, "rows": [asdict(one) for one in figures]}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
