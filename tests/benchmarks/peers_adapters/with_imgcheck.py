"""imgcheck: the clusters of `imgcheck clean`, all images being one class; nothing is copied, no report is written."""

from pathlib import Path

import imgcheck
from common import Runs, answer, name
from imgcheck.grouping import cluster_duplicates
from imgcheck.hashing import get_image_paths


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """Hamming distances of the 64-bit hash, with the default clustering and the one that it recommends."""
    hashes = imgcheck.compute_hashes(get_image_paths(str(images)))
    for linkage in ("single", "medoid") if sweep else ("single",):
        for threshold in range(25) if sweep else (3,):
            clusters = cluster_duplicates(hashes, threshold=threshold, method=linkage)
            skips = {name(path): name(cluster.kept) for cluster in clusters for path in cluster.duplicates}
            yield f"threshold {threshold}, {linkage}", skips


if __name__ == "__main__":
    answer(runs)
