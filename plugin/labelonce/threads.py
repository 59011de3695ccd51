"""How many threads there may be, and how they end."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def threads(count: int, name: str) -> Iterator[Executor]:
    """Threads that end with what they are at: what they have not begun is dropped when the work is interrupted."""
    pool = ThreadPoolExecutor(count, thread_name_prefix=f"labelonce-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
