"""Each path leads to its own service, and the errors that name one name all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.app.app import MODULES, PROTOCOLS
from remote_agents.sandbox.directory import AGENTS, endpoint_of, is_chat
from remote_agents.services import ENDPOINTS


def test_every_service_is_entered() -> None:
    assert set(AGENTS) == set(ENDPOINTS)
    assert {name: agent.env_prefix for name, agent in AGENTS.items()} == {
        name: endpoint.env for name, endpoint in ENDPOINTS.items()
    }


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_routes_are_its_own(name: str) -> None:
    paths = [re.sub(r"\{.*?\}", "an-id", route.path) for route in PROTOCOLS[name].routes]
    assert {endpoint_of(path) for path in paths} == {name}
    assert any(is_chat("POST", path) for path in paths)
    assert not any(is_chat("GET", path) for path in paths)


@pytest.mark.parametrize("name", MODULES)
def test_a_services_other_routes_are_its_own(name: str) -> None:
    for module in MODULES[name][1:]:
        paths = [re.sub(r"\{.*?\}", "an-id", route.path) for route in module.routes]
        theirs = [path for path in paths if not path.startswith("/_cos/")]  # another host's
        assert {endpoint_of(path) for path in theirs} == {name}


def test_an_unknown_endpoint_is_one_sentence(box: Sandbox) -> None:
    sentence = f"unknown endpoint 'typo'; there are: {', '.join(AGENTS)}"
    for ask in (box.kwargs, lambda name: box.fail_next(endpoint=name)):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            ask("typo")


# --- packages that are installed ---------------------------------------------------------------

BROKEN = {
    "no_package": ("import nothing_of_this_name", "", "ModuleNotFoundError: No module named 'noth"),
    "no_agent": ("AGENT = 'x'", "", "TypeError: no_agent has no Agent as its AGENT"),
    "no_chat": ("", "import nothing_of_this_name", "ModuleNotFoundError: No module named 'noth"),
    "no_routes": ("", "", "TypeError: no_routes has no module with routes"),
}
AGENT = """
from remote_agents.sandbox.agent import Agent
AGENT = Agent("a", "sandbox-key", "A", paths="/{}/")
"""
ASKS = """
import sys
from remote_agents import BlueNexus
from remote_agents.sandbox import Sandbox
with Sandbox() as box:
    print(BlueNexus(**box.kwargs("bluenexus")).ask("How long is parental leave?").text)
    for name in sys.argv[1:]:
        try:
            box.kwargs(name)
        except ValueError as error:
            print(error)
"""


def test_a_package_that_breaks_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    about = tmp_path / "broken-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    points = [*(f"{name} = {name}" for name in BROKEN), "bluenexus = no_package"]  # ours stays
    (about / "entry_points.txt").write_text("\n".join(["[remote_agents.sandbox]", *points]))
    for name, (package, chat, _) in BROKEN.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(package or AGENT.format(name))
        (tmp_path / name / "chat.py").write_text(chat)
    path = os.pathsep.join([str(Path(__file__).parents[2]), str(tmp_path)])
    command = [sys.executable, "-c", ASKS, *BROKEN]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "16 weeks" in done.stdout, done.stderr
    for name, (_, _, why) in BROKEN.items():
        said = f"The sandbox is without '{name}': its package fails with {why}"
        assert said in done.stdout
        assert said in done.stderr
