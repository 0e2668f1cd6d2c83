"""What a team needs of a sandbox on another machine: hosts, certificates, tokens that expire."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from remote_agents import AgentConnectionError, AuthenticationError, MaiAgent, cached_key
from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.directory import AGENTS
from remote_agents.sandbox.options import parser
from remote_agents.sandbox.serving import certificates
from remote_agents.sandbox.serving.certificates import certify
from remote_agents.sandbox.serving.keys import Keys
from remote_agents.sandbox.serving.server import listen

QUESTION = "How many vacation days do I get?"


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """The sandbox as a command; what it prints first."""
    command = [sys.executable, "-m", "remote_agents.sandbox", "--port=0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline()]
            while lines[-1].startswith("export ") and "SSL_CERT_FILE" not in lines[-1]:
                lines.append(process.stdout.readline())
            yield "".join(lines)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def secure() -> Iterator[Sandbox]:
    with Sandbox(rate_limit=None, tls=True) as box:
        yield box


@pytest.mark.parametrize("endpoint", AGENTS)
def test_a_client_that_trusts_the_authority_is_answered(secure: Sandbox, endpoint: str) -> None:
    given = secure.kwargs(endpoint)
    assert given["base_url"].startswith("https://")
    with httpx.Client(verify=ssl.create_default_context(cafile=given["verify"])) as http:
        assert http.get(secure.url).json()["agents"][endpoint]["base_url"] == given["base_url"]


async def test_verify_names_the_authority(secure: Sandbox) -> None:
    assert "25" in MaiAgent(**secure.kwargs("maiagent")).ask(QUESTION).text
    assert "25" in (await MaiAgent(**secure.kwargs("maiagent")).aask(QUESTION)).text


def test_the_environment_names_the_authority(secure: Sandbox) -> None:
    program = f"from remote_agents import MaiAgent; print(MaiAgent().ask({QUESTION!r}))"
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **secure.env()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "25 vacation days" in said.stdout


async def test_who_does_not_trust_it_sends_nothing(secure: Sandbox) -> None:
    secure.reset()
    given = {**secure.kwargs("maiagent"), "verify": True, "max_retries": 0}
    with pytest.raises(AgentConnectionError):
        MaiAgent(**given).ask(QUESTION)
    with pytest.raises(AgentConnectionError):
        await MaiAgent(**given).aask(QUESTION)
    assert secure.requests() == []


def test_the_authority_of_a_folder_stays(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        with started("--tls", str(tmp_path), "--print-env") as said:
            name = said.splitlines()[-1].removeprefix("export SSL_CERT_FILE=")
            made.append(Path(name).read_bytes())
            url = next(li for li in said.splitlines() if "MAIAGENT_BASE_URL" in li).split("=")[1]
            with httpx.Client(verify=ssl.create_default_context(cafile=name)) as http:
                assert http.get(url).status_code == 200
    assert made[0] == made[1]
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", ""])
def test_a_folder_that_cannot_hold_certificates_is_named(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "tls"
    if name:
        certify(folder, ["localhost"])
        (folder / name).write_text("no PEM")
    else:
        folder.write_text("a file")
    command = [sys.executable, "-m", "remote_agents.sandbox", "--port=0", "--tls", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    told = f"The folder {folder.resolve()} cannot hold the certificates: "
    assert ended.stderr.startswith(told)


def test_an_authority_that_ends_too_soon_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "OF_AUTHORITY", certificates.VALID)
    old = certify(tmp_path, ["localhost"]).authority.read_bytes()
    monkeypatch.undo()
    assert certify(tmp_path, ["localhost"]).authority.read_bytes() != old


def test_names_that_others_reach_it_by() -> None:
    with started("--host=0.0.0.0", "--allow-host=harbor.test", "--json") as said:
        url = json.loads(said)["agents"]["maiagent"]["base_url"]
        assert url.startswith("http://harbor.test:")
        here = url.replace("harbor.test", "127.0.0.1")
        seen = {
            host: httpx.get(here, headers={"host": host}, trust_env=False).status_code
            for host in ("harbor.test", "HARBOR.TEST:8700", "localhost", "evil.test")
        }
    assert list(seen.values()) == [200, 200, 200, 403]


def here(host: str) -> str:
    """The address, or another where this machine does not have it."""
    try:
        listen(0, host).close()
    except OSError:
        return "localhost"
    return host


@pytest.mark.parametrize("host", ["::1", "localhost"])
async def test_where_it_listens_is_printed_and_answers(host: str) -> None:
    listening = here(host)
    with started(f"--host={listening}", "--json") as said:
        agent = json.loads(said)["agents"]["maiagent"]
        given = {name: agent[name] for name in ("base_url", "agent_id", "api_key")}
        assert urlsplit(given["base_url"]).hostname == listening
        assert "25" in MaiAgent(**given).ask(QUESTION).text
        assert "25" in (await MaiAgent(**given).aask(QUESTION)).text


OPTIONS = [
    *("--token-seconds=0", "--token-seconds=soon", "--port=99999", "--word-delay=-1"),
    *("--allow-host=", "--allow-host=https://a.test", "--allow-host=a.test:80", "--allow-host=*"),
    *("--upstream=a.test/v1", "--rate-limit=5"),
]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_makes_no_sense_is_named(option: str) -> None:
    command = [sys.executable, "-m", "remote_agents.sandbox", option]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert option.split("=")[0] in ended.stderr


@pytest.fixture(scope="module")
def expiring() -> Iterator[Sandbox]:
    with Sandbox(rate_limit=None, token_seconds=60) as box:
        yield box


async def test_a_key_function_gives_fresh_tokens(expiring: Sandbox) -> None:
    agent = MaiAgent(**expiring.kwargs("maiagent"))
    assert "25" in agent.ask(QUESTION).text
    assert "25" in (await agent.aask(QUESTION)).text


def test_a_token_that_is_over_is_fetched_anew(expiring: Sandbox) -> None:
    expiring.reset()
    tokens = iter(["sandbox-maiagent-key.1.0", expiring.token("maiagent")[0]])
    fetched: list[str] = []

    def fetch() -> str:
        fetched.append(next(tokens))
        return fetched[-1]

    given: dict[str, Any] = {**expiring.kwargs("maiagent"), "api_key": cached_key(fetch)}
    assert "25" in MaiAgent(**given).ask(QUESTION).text
    assert [request["status"] for request in expiring.requests("maiagent")] == [401, 200]
    assert len(fetched) == 2


def test_the_fixed_key_is_no_token(expiring: Sandbox) -> None:
    given = {**expiring.kwargs("maiagent"), "api_key": AGENTS["maiagent"].api_key}
    with pytest.raises(AuthenticationError):
        MaiAgent(**given).ask(QUESTION)


def test_a_token_is_over_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Keys(seconds=30)
    token = keys.issue("bluenexus")
    assert keys.fits("bluenexus", {"authorization": f"Bearer {token}"})
    assert not keys.fits("maiagent", {"authorization": f"Api-Key {token}"})
    assert not Keys(seconds=30).fits("bluenexus", {"authorization": f"Bearer {token}"})
    _, until, seal = token.rsplit(".", 2)
    later = token.replace(until, str(int(until) + 1))
    assert not keys.fits("bluenexus", {"authorization": f"Bearer {later}"})
    assert seal in later
    monkeypatch.setattr("time.time", lambda: int(until) / 1000)
    assert not keys.fits("bluenexus", {"authorization": f"Bearer {token}"})


def test_without_an_end_there_are_no_tokens(box: Sandbox) -> None:
    with pytest.raises(ValueError, match="token_seconds"):
        box.token("maiagent")


EXAMPLES = Path(__file__).parents[2] / "examples"
COMPOSED = [
    (file, name, service)
    for file in ("sandbox/compose.yaml", "fastapi_langgraph/docker-compose.yml")
    for name, service in yaml.safe_load((EXAMPLES / file).read_text())["services"].items()
    if "build" in service
]


@pytest.mark.parametrize(
    ("file", "name", "service"), COMPOSED, ids=[f"{file}-{name}" for file, name, _ in COMPOSED]
)
def test_a_service_of_a_compose_file_is_built_of_this_clone(
    file: str, name: str, service: dict[str, Any]
) -> None:
    context = (EXAMPLES / file).parent / service["build"]["context"]
    steps = (context / service["build"]["dockerfile"]).read_text()
    taken = re.findall(r"^COPY (\S+) ", steps, re.MULTILINE)
    assert "." in taken
    assert all((context / each).exists() for each in taken)
    assert (context / "pyproject.toml").is_file()
    assert re.search(r'"/src\[[a-z,]+\]"', steps)


@pytest.mark.parametrize(
    ("file", "name"),
    [("sandbox/compose.yaml", "sandbox"), ("fastapi_langgraph/docker-compose.yml", "agents")],
)
def test_a_container_starts_the_sandbox_with_options_that_exist(file: str, name: str) -> None:
    (service,) = (each for of, named, each in COMPOSED if (of, named) == (file, name))
    found = re.search(
        r"^CMD (\[.*\])$", (EXAMPLES / "sandbox/Containerfile").read_text(), re.MULTILINE
    )
    assert found is not None
    words = service.get("command") or json.loads(found[1])
    assert words[:2] == ["remote-agents", "sandbox"]
    options = parser().parse_args(words[2:])
    assert (options.host, options.port) == ("0.0.0.0", 8700)
    assert options.allow_host[0] == name
    assert options.tls == (None if "command" in service else "/state/tls")
