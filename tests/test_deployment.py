"""The examples of running labelonce for good: they parse, and what they call and set is there."""

import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from labelonce import cli
from labelonce.settings import Settings, environment_variable

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
UNIT = EXAMPLES / "systemd" / "labelonce.service"
ENVIRONMENT = EXAMPLES / "systemd" / "labelonce.env"
CRON = EXAMPLES / "cron" / "labelonce"
COMPOSE = EXAMPLES / "compose.yaml"
DOCKERFILE = EXAMPLES / "Dockerfile"
KUBERNETES = EXAMPLES / "kubernetes" / "cronjob.yaml"
CALL = re.compile(r"labelonce ((?:serve|sync|webhook)\b[^|`\n]*)")


def unit():
    parsed = ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read(UNIT)
    return parsed


def compose():
    return yaml.safe_load(COMPOSE.read_text())["services"]


def cron_job():
    return next(one for one in yaml.safe_load_all(KUBERNETES.read_text()) if one["kind"] == "CronJob")["spec"]


def container():
    (found,) = cron_job()["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return found


def calls():
    """Arguments of every call of labelonce, in what is run and in what the comments tell to run."""
    found = [found for path in (UNIT, CRON, COMPOSE) for found in CALL.findall(path.read_text())]
    lines = [shlex.split(line.partition(" 2>")[0]) for line in found]
    return [*lines, compose()["labelonce"]["command"], container()["args"]]


@pytest.mark.parametrize("arguments", calls(), ids=" ".join)
def test_every_call_is_understood(arguments):
    arguments = [str(EXAMPLES / "cron" / "cron.toml") if one.endswith(".toml") else one for one in arguments]
    command: click.Command = cli.cli
    while isinstance(command, click.Group):
        command = command.commands[arguments.pop(0)]
    with command.make_context(command.name, arguments) as context:
        assert "url" in context.params


def test_calls_are_found():
    assert [one[0] for one in calls()] == ["webhook", "serve", "sync", "webhook", "serve", "sync"]


def test_every_variable_is_a_setting():
    known = {environment_variable(one.name) for one in fields(Settings)}
    texts = [path.read_text() for path in (UNIT, ENVIRONMENT, COMPOSE, DOCKERFILE, KUBERNETES)]
    used = {name for text in texts for name in re.findall(r"\bLABEL(?:ONCE|_STUDIO)_[A-Z_]+\b", text)}
    assert {"LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABELONCE_WEBHOOK_SECRET", "LABELONCE_STORE"} <= used <= known


def test_secrets_stand_in_no_command_and_no_example_has_one():
    for path in EXAMPLES.rglob("*"):
        if path.is_file() and path.suffix in ("", ".yaml", ".service", ".env"):
            assert not re.search(r"--(api-key|webhook-secret)|API_KEY=[A-Za-z0-9]{8}", path.read_text()), path


def test_the_unit():
    parsed = unit()
    service = parsed["Service"]
    assert service["KillMode"] == "mixed"  # the service stops its run itself
    assert int(service["TimeoutStopSec"]) > 6
    assert service["ExecStart"].startswith("/opt/labelonce/bin/labelonce serve")
    assert parsed["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="without systemd")
def test_the_unit_is_what_systemd_takes(tmp_path):
    text = UNIT.read_text().replace("/opt/labelonce/bin/labelonce serve", f"{sys.executable} -m labelonce serve")
    (tmp_path / "labelonce.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / "labelonce.service"], capture_output=True, text=True
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "labelonce" in line]) == (0, [])


def test_the_cron_line_has_a_user():
    (line,) = [line for line in CRON.read_text().splitlines() if "labelonce sync" in line and not line.startswith("#")]
    assert line.split()[:6] == ["*/10", "*", "*", "*", "*", "labelonce"]
    assert "%" not in line  # cron takes it for the end of a line


def test_the_compose_file():
    services = compose()
    ours = services["labelonce"]
    assert (EXAMPLES / ours["build"]["context"] / ours["build"]["dockerfile"]).resolve() == DOCKERFILE
    (alias,) = ours["networks"]["labelling"]["aliases"]
    assert f"--target http://{alias}:8090" in COMPOSE.read_text()
    assert "." in alias
    assert "ports" not in ours
    assert services["label-studio"]["ports"] == ["127.0.0.1:8080:8080"]


def test_the_dockerfile_copies_what_is_there():
    copied = re.findall(r"^COPY (.+) /source/?\S*$", DOCKERFILE.read_text(), re.M)
    assert all((EXAMPLES.parent / name).exists() for line in copied for name in line.split())


def test_the_cron_job():
    spec = cron_job()
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert pod["restartPolicy"] == "Never"
    assert {one["name"] for one in container()["volumeMounts"]} == {one["name"] for one in pod["volumes"]}
    claim = next(one for one in yaml.safe_load_all(KUBERNETES.read_text()) if one["kind"] == "PersistentVolumeClaim")
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert f"USER {pod['securityContext']['runAsUser']}" in DOCKERFILE.read_text()
