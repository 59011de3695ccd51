"""imagededup: its hashes and its CNN, decided like its find_duplicates_to_remove."""

import sys
from pathlib import Path

import torch
from common import Runs, answer, keep_unclaimed
from imagededup import methods

CNN_WEIGHTS = "mobilenet_v3_small-*.pth"


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """Thresholds are Hamming distances of the 64-bit hashes (default 10), or cosines of the CNN (default 0.9)."""
    cnn = method == "CNN"
    if cnn and not list(Path(torch.hub.get_dir(), "checkpoints").glob(CNN_WEIGHTS)):
        sys.exit("its weights come from the internet on first use, and are not on this machine")
    finder = getattr(methods, method)(verbose=False)
    if not sweep:
        label = "min_similarity_threshold 0.9" if cnn else "max_distance_threshold 10"
        yield label, keep_unclaimed(finder.find_duplicates(image_dir=str(images)))
        return
    features = finder.encode_images(image_dir=str(images))
    parameter = "min_similarity_threshold" if cnn else "max_distance_threshold"
    for value in [percent / 100 for percent in range(70, 100)] if cnn else range(25):
        found = finder.find_duplicates(encoding_map=features, **{parameter: value})
        yield f"{parameter} {value:g}", keep_unclaimed(found)


if __name__ == "__main__":
    answer(runs)
