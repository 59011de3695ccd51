"""image-dedup-ai: its groups, which name the image to keep first."""

from pathlib import Path

from common import Runs, answer, keep_first, name
from image_dedup_ai import Index

BITS = 64


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """Similarities of the 64-bit pHash; one bit is the least step."""
    with Index() as index:
        index.add(str(images))
        for threshold in [1 - bits / BITS for bits in range(25)] if sweep else [0.9]:
            found = index.find_duplicates(threshold=threshold)
            yield f"threshold {threshold:.3g}", keep_first([name(path) for path in group] for group in found.groups)


if __name__ == "__main__":
    answer(runs)
