"""A real Label Studio for the tests: one server, made from the migrated template, for the whole session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from label_studio_server import LabelStudioServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ANNOTATOR = ("annotator@localhost.example", "labelonce-annotator")


@dataclass(frozen=True)
class Labels:
    """Where the test server is and how to call it as the project's owner."""

    url: str
    token: str


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what the user's cache keeps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """Label Studio on a fresh data directory; files below `document_root` can be served by local storages."""
    documents = tmp_path_factory.mktemp("documents")
    with LabelStudioServer(tmp_path_factory.mktemp("label-studio"), document_root=documents, quiet=True) as running:
        yield running


@pytest.fixture(scope="session")
def labels(server: LabelStudioServer) -> Labels:
    """The address and the owner's token of the test server."""
    return Labels(server.url, server.token)


@pytest.fixture(scope="session")
def annotator_token(server: LabelStudioServer) -> str:
    """The token of a second member, who labels what labelonce leaves."""
    return server.add_user(*ANNOTATOR)
