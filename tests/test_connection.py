"""The connection: both kinds of token, servers that are not there, and what doctor says of it."""

import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from labelonce.errors import AccessDenied, ConfigurationError, NotFound, ServerError, Unreachable
from labelonce.label_studio.applying import apply_plan
from labelonce.label_studio.doctor import examine
from labelonce.label_studio.project import read_project
from labelonce.label_studio.server import Server
from labelonce.progress import Progress
from labelonce.settings import Settings
from studio import Person, plan_for


@pytest.fixture(scope="module")
def personal_token(labels):
    """A personal access token of the owner."""
    return Person(labels.url, labels.token).call("POST", "/api/token/")["token"]


@pytest.fixture
def web_page():
    """Something that is no Label Studio."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<html>welcome</html>"
            if self.path.startswith("/api/projects"):
                self.send_response(301)
                self.send_header("Location", "https://elsewhere.example/api/projects")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    made = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


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


@pytest.mark.parametrize(("url", "token"), [(None, "t"), ("localhost:8080", "t"), ("http://", "t"), ("http://h", None)])
def test_missing_settings(url, token):
    with pytest.raises(ConfigurationError, match="LABEL_STUDIO_"):
        Server(url, token)


def test_nobody_there(personal_token):
    for token in ("legacy", personal_token):
        with pytest.raises(Unreachable, match="Is it running"):
            Server("http://127.0.0.1:9", token, retries=1).get("/api/version")
    assert not findings(url="http://127.0.0.1:9", api_key="t")["server"].fine


def test_something_else_there(web_page, personal_token):
    with pytest.raises(ServerError, match="not JSON"):
        Server(web_page, "t").get("/api/version")
    with pytest.raises(ServerError, match=r"https://elsewhere\.example"):
        Server(web_page, "t").get("/api/projects/1/")
    with pytest.raises(ServerError):
        Server(web_page, personal_token, retries=0).get("/api/version")


def test_errors_of_the_server(labels):
    server = Server(labels.url, labels.token)
    with pytest.raises(NotFound):
        server.get("/api/tasks/99999999/")
    with pytest.raises(ServerError, match="400"):
        server.post("/api/projects/", {"title": "x", "label_config": "<View><Nonsense"})


def test_doctor(labels):
    owner = Person(labels.url, labels.token)
    project = owner.project()
    tasks = owner.import_tasks(project, [{"image": f"http://127.0.0.1:9/{n}.png"} for n in range(4)])
    given = {"url": labels.url, "api_key": labels.token}
    assert all(one.fine for one in findings(**given, project=project).values())
    assert "refuses the token" in findings(url=labels.url, api_key="wrong")["token"].text
    assert "does not exist" in findings(**given, project=99999)["project"].text
    text_only = owner.project('<View><Text name="t" value="$t"/><TextArea name="a" toName="t"/></View>')
    assert "no Image" in findings(**given, project=text_only)["project"].text

    connection = Server(labels.url, labels.token)
    apply_plan(connection, plan_for(labels.url, project, tasks, {0: [1, 2]}), Progress())
    assert findings(**given, project=project)["skips"].fine
    owner.call("PATCH", f"/api/projects/{project}/", json={"maximum_annotations": 3})
    found = findings(**given, project=project)["skips"]
    assert not found.fine
    assert "2 of 2" in found.text
    assert "labelonce run" in found.text
    assert read_project(connection, project).maximum_annotations == 3
