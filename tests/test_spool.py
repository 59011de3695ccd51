"""Fetched bytes are kept for a second look: bounded, without a name, and never other than they were."""

import gc
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from labelonce.spool import Spool

OPEN = Path("/proc/self/fd")


def test_what_was_put_comes_back_and_nothing_else(tmp_path):
    spool = Spool(1000, tmp_path / "new" / "folder")
    assert spool.get("a") is None
    spool.put("a", b"first")
    spool.put("b", b"")
    spool.put("c", b"third")
    spool.put("a", b"another")  # what has this digest is there
    assert [spool.get(name) for name in "abcd"] == [b"first", b"", b"third", None]
    assert spool.get("a") == b"first"


def test_it_holds_as_much_as_it_may(tmp_path):
    spool = Spool(10, tmp_path)
    for name, data in (("a", b"123456"), ("b", b"12345"), ("c", b"1234"), ("d", b"1")):
        spool.put(name, data)
    assert [spool.get(name) for name in "abcd"] == [b"123456", None, b"1234", None]


def test_nothing_is_made_where_nothing_is_kept(tmp_path):
    spool = Spool(0, tmp_path / "folder")
    spool.put("a", b"1")
    assert spool.get("a") is None
    assert not (tmp_path / "folder").exists()


@pytest.mark.skipif(not OPEN.is_dir(), reason="open files are listed by Linux only")
def test_the_file_has_no_name_and_is_gone_with_the_spool(tmp_path):
    before = set(OPEN.iterdir())
    spool = Spool(1000, tmp_path)
    spool.put("a", b"secret")
    assert list(tmp_path.iterdir()) == []
    del spool
    gc.collect()
    assert set(OPEN.iterdir()) <= before


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    spool = Spool(1000, tmp_path / "file")
    spool.put("a", b"1")
    assert spool.get("a") is None


def test_a_disk_that_fills_up_loses_nothing_that_was_kept(tmp_path, monkeypatch):
    spool = Spool(1000, tmp_path)
    spool.put("a", b"12345")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        spool.put("b", b"67890")
    spool.put("c", b"1")  # it is not tried again
    assert [spool.get(name) for name in "abc"] == [b"12345", None, None]


def test_writes_and_reads_that_come_in_parts(tmp_path, monkeypatch):
    write, read = os.write, os.read
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 2)))
    spool = Spool(1000, tmp_path)
    spool.put("a", b"0123456789")
    spool.put("b", b"abcdefg")
    assert [spool.get(name) for name in "ab"] == [b"0123456789", b"abcdefg"]


@pytest.mark.parametrize("seed", range(3))
def test_from_several_threads(tmp_path, seed):
    rng = random.Random(seed)
    contents = {str(number): rng.randbytes(rng.randrange(5000)) for number in range(200)}
    spool = Spool(sum(map(len, contents.values())), tmp_path)

    def both(name):
        spool.put(name, contents[name])
        other = rng.choice(list(contents))
        assert spool.get(other) in (None, contents[other])
        return spool.get(name)

    with ThreadPoolExecutor(8) as pool:
        assert dict(zip(contents, pool.map(both, contents), strict=True)) == contents
