"""The notebook in examples/ runs, and says what is stored in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "from_folder_to_clusters.ipynb"
NUMBER = re.compile(r"\d+\.\d+")  # similarities: their last digit is the processor's


@pytest.fixture(scope="module")
def stored():
    return nbformat.read(NOTEBOOK, as_version=4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("jupyter")
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR"):
            patch.setenv(name, str(folder / name.lower()))
        patch.setenv("LABELONCE_STORE", str(folder / "store.sqlite3"))
        where = {"metadata": {"path": str(NOTEBOOK.parent)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> Iterator[tuple[int, nbformat.NotebookNode]]:
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            yield number, output


def texts(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """What each cell prints, on standard output."""
    found: dict[int, str] = {}
    for number, output in outputs(notebook):
        if output.output_type == "stream" and output.name == "stdout":
            found[number] = found.get(number, "") + output.text
    return found


def test_it_prints_what_is_stored(stored, executed):
    expected, found = texts(stored), texts(executed)
    assert len(expected) >= 8
    assert found.keys() == expected.keys()
    for number, text in expected.items():
        assert NUMBER.sub("#", found[number]) == NUMBER.sub("#", text)
        numbers = [list(map(float, NUMBER.findall(one))) for one in (found[number], text)]
        assert numbers[0] == pytest.approx(numbers[1], abs=0.11)


def test_it_draws_what_is_stored(stored, executed):
    drawn = [
        [(number, sorted(one.data)) for number, one in outputs(book) if "data" in one] for book in (stored, executed)
    ]
    assert drawn[0] == drawn[1]
    assert sum("image/png" in kinds for _, kinds in drawn[0]) == 3


def test_it_is_stored_whole_and_clean(stored):
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.get("outputs") for cell in code[1:])
    assert {output.get("name", "stdout") for _, output in outputs(stored)} == {"stdout"}  # no warnings
    assert "execution" not in str([cell.metadata for cell in stored.cells])  # no times
    printed = "".join(texts(stored).values())
    assert not re.search(r"/(home|root|tmp|work|Users)\b|warning", printed, re.IGNORECASE)


def test_it_imports_what_is_public(stored):
    import labelonce

    for cell in stored.cells:
        for line in re.findall(r"^from labelonce import (.+)$", cell.source, re.MULTILINE):
            assert set(line.split(", ")) <= set(labelonce.__all__)
