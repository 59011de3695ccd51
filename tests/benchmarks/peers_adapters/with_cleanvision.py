"""cleanvision: its sets of exact and of near duplicates, the first of each kept."""

from pathlib import Path

from cleanvision import Imagelab
from common import Runs, answer, components, keep_first, name


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """Near duplicates have the same perceptual hash: how many bits it has is the only thing to tune."""
    for size in (3, 4, 5, 6, 7, 8, 10, 12, 16) if sweep else (8,):
        lab = Imagelab(data_path=str(images), verbose=False)
        near = {"hash_size": size} if sweep else {}
        lab.find_issues({"exact_duplicates": {}, "near_duplicates": near}, verbose=False)
        sets = [*lab.info["exact_duplicates"]["sets"], *lab.info["near_duplicates"]["sets"]]
        yield f"hash_size {size}", keep_first(components([name(path) for path in group] for group in sets))


if __name__ == "__main__":
    answer(runs)
