"""argus-curator: what it marks as a duplicate of another image. What it rejects for its quality counts as kept."""

from pathlib import Path

from argus_curator.models import ScanConfig
from argus_curator.scanner import scan_folder
from common import Runs, answer

EVERY_QUALITY = {"min_short_side": 0, "max_aspect_ratio": 1e9, "blur_threshold": -1.0}


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """By default small and blurred images are not compared; a sweep compares all, at several pHash distances."""
    if sweep:
        configurations = [ScanConfig(cluster_distance=distance, **EVERY_QUALITY) for distance in range(0, 21, 2)]
    else:
        configurations = [ScanConfig()]
    for chosen in configurations:
        found = scan_folder(images, cfg=chosen).results
        setting = f"cluster_distance {chosen.cluster_distance}{', no' if sweep else ','} quality filters"
        yield setting, {one.rel_path: one.duplicate_of for one in found if one.is_duplicate}


if __name__ == "__main__":
    answer(runs)
