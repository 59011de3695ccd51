"""fastdup: connected components of the neighbours above ccthreshold, the first of each kept (as its tutorials do)."""

from pathlib import Path

import fastdup
from common import Runs, answer, components, keep_first, name

LOOSEST = 50  # percent; the neighbours that a sweep needs


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """The library's own components; a sweep cuts the same neighbours at other similarities, as ccthreshold does."""
    dataset = fastdup.create(input_dir=str(images), work_dir="work")
    if not sweep:
        dataset.run(overwrite=True, print_summary=False)
        table, _ = dataset.connected_components()
        members = table.groupby("component_id")["filename"]
        yield "ccthreshold 0.96", keep_first([sorted(map(name, group)) for _, group in members])
        return
    dataset.run(overwrite=True, print_summary=False, threshold=LOOSEST / 100)
    pairs = dataset.similarity()
    for percent in range(LOOSEST, 100):
        close = pairs[pairs.distance >= percent / 100]
        linked = zip(map(name, close.filename_from), map(name, close.filename_to), strict=True)
        yield f"ccthreshold {percent / 100:g}", keep_first(components(linked))


if __name__ == "__main__":
    answer(runs)
