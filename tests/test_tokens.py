"""Both kinds of token on a real Label Studio, and tokens that it refuses."""

import logging

import pytest

from labelonce.errors import AccessDenied
from labelonce.label_studio.doctor import examine
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.settings import Settings
from studio import Person


@pytest.fixture(scope="module")
def personal_token(labels):
    """A personal access token of the owner."""
    return Person(labels.url, labels.token).call("POST", "/api/token/")["token"]


def findings(**settings):
    return {one.check: one for one in examine(Settings(**settings), Progress())}


def test_a_legacy_token_and_a_personal_one(labels, personal_token, caplog):
    caplog.set_level(logging.DEBUG)
    for token in (labels.token, personal_token):
        server = Server(labels.url + "/", token)
        assert server.get("/api/current-user/whoami")["email"]
        assert token not in repr(server)
    assert personal_token not in caplog.text
    assert labels.token not in caplog.text


def test_a_personal_token_outlives_its_access_token(labels, personal_token):
    server = Server(labels.url, personal_token)
    server.get("/api/version")
    first = server.authorization()
    assert server.authorization() == first
    server._access = "ran-out"  # by the server's clock
    assert server.get("/api/current-user/whoami")["email"]
    server._access, server._access_until = "ran-out", 0.0  # by its own
    assert server.authorization() != first
    assert server.get("/api/current-user/whoami")["email"]


def test_wrong_tokens(labels, personal_token):
    for token in ("wrong", personal_token[:-6] + "AAAAAA", "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.x"):
        with pytest.raises(AccessDenied) as caught:
            Server(labels.url, token).get("/api/current-user/whoami")
        assert "LABEL_STUDIO_API_KEY" in str(caught.value)
        assert token not in str(caught.value)


def test_legacy_tokens_disabled(labels, personal_token):
    admin = Server(labels.url, personal_token)
    allowed = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}
    admin.post("/api/jwt/settings", {**allowed, "legacy_api_tokens_enabled": False})
    try:
        with pytest.raises(AccessDenied, match="legacy tokens disabled"):
            Server(labels.url, labels.token).get("/api/current-user/whoami")
        found = findings(url=labels.url, api_key=labels.token)
        assert "personal access token" in found["token"].text
    finally:
        admin.post("/api/jwt/settings", allowed)
    assert Server(labels.url, labels.token).get("/api/current-user/whoami")["email"]
