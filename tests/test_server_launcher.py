"""The private Label Studio of the examples and tests starts, stops and survives a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conftest import ANNOTATOR
from label_studio_server import EMAIL, LabelStudioServer, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[LabelStudioServer]:
    """A server of one test's own, which it may kill."""
    with LabelStudioServer(tmp_path, quiet=True) as running:
        yield running


def test_owner_and_second_user_can_call_the_api(server: LabelStudioServer, annotator_token: str) -> None:
    whoami = "/api/current-user/whoami"
    assert server.request("GET", whoami)["email"] == EMAIL
    assert server.request("GET", whoami, token=annotator_token)["email"] == ANNOTATOR[0]


def test_adding_a_user_twice_finds_it(server: LabelStudioServer, annotator_token: str) -> None:
    assert server.add_user(*ANNOTATOR) == annotator_token


def test_second_start_on_one_data_dir_joins_the_live_server(server: LabelStudioServer) -> None:
    with LabelStudioServer(server.data_dir, quiet=True) as joined:
        assert joined.url == server.url
        assert not joined.started_here
    assert server.running()


def test_taken_port_is_named(server: LabelStudioServer, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=f"Port {server.port} is taken"):
        LabelStudioServer(tmp_path, server.port, quiet=True).start()


def test_restarts_after_a_crash_with_its_data(own_server: LabelStudioServer) -> None:
    project = own_server.request("POST", "/api/projects/", {"title": "before the crash"})["id"]
    own_server.kill()
    assert not own_server.running()
    own_server.start()
    assert own_server.request("GET", f"/api/projects/{project}/")["title"] == "before the crash"
    own_server.stop()
    own_server.stop()
    assert not own_server.running()
