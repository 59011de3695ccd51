"""CPU time of the embedders, for each image of a folder: `embedding_speed.py FOLDER [MODEL ...]`."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from labelonce import embedding
from labelonce.images.decoding import Picture, decode


def main() -> None:
    """Measure each model; the first picture, which loads the network, apart."""
    folder, *models = sys.argv[1:]
    paths = sorted(path for path in Path(folder).iterdir() if path.is_file())
    pictures = [decode(path.read_bytes()) for path in paths]
    print(f"{len(pictures)} images of {folder}: CPU milliseconds for each, median")
    for name in models or ["lite0", "dct"]:
        print(f"{name:12}", *(f"{what} {time:.2f}" for what, time in measured(name, pictures).items()), sep="  ")


def measured(name: str, pictures: list[Picture]) -> dict[str, float]:
    """CPU milliseconds of the parts by name: median of all pictures but the first."""
    model = embedding.load(name)
    first, _ = timed(lambda: model.embed([model.prepare(pictures[0])]))
    prepared = [timed(model.prepare, picture) for picture in pictures[1:]]
    embedded = [timed(model.embed, [content]) for _, content in prepared]
    return {
        "first": first,
        "prepare": median(time for time, _ in prepared),
        "embed": median(time for time, _ in embedded),
    }


def timed(call: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """CPU milliseconds of a call, and what it returns."""
    begin = time.process_time()
    result = call(*arguments)
    return 1000 * (time.process_time() - begin), result


if __name__ == "__main__":
    main()
