"""czkawka: the groups of its core library by its Python bindings, the first of each kept."""

from pathlib import Path

from common import Runs, answer, components, keep_first, name
from czkawka import ImageSimilarity


def runs(images: Path, sweep: bool, method: str) -> Runs:
    """Similarity levels, 0 the strictest; None leaves the bindings' own. The groups vary a little between runs."""
    for level in range(21) if sweep else (None,):
        finder = ImageSimilarity()
        finder.set_directories([images])
        if level is not None:
            finder.set_similarity(level)
        groups = components([name(path) for path in group] for group in finder.find_similar())
        yield "similarity unset" if level is None else f"similarity {level}", keep_first(groups)


if __name__ == "__main__":
    answer(runs)
