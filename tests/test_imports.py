"""Nobody who uses one framework imports the other, and the core imports neither."""

import importlib
import re
import subprocess
import sys
from typing import get_args

import pytest

import remote_agents
from remote_agents.types import Event

FRAMEWORKS = ("langchain_core", "langchain", "llama_index", "langchain_agents", "llamaindex_agents")
# Everything that an extra brings, and nothing that a plain client needs.
EXTRAS = (
    "starlette",
    "uvicorn",
    "bm25s",
    "openpyxl",
    "sqlalchemy",
    "limits",
    "redis",
    "typer",
    "rich",
)
# Warnings are errors, but for what langsmith uses on Python 3.14.
LANGSMITHS = "ignore:'asyncio.iscoroutinefunction' is deprecated:DeprecationWarning"
STRICT = (sys.executable, "-W", "error", "-W", LANGSMITHS)


@pytest.mark.parametrize(
    ("package", "absent"),
    [
        ("remote_agents", (*FRAMEWORKS, *EXTRAS)),
        ("remote_agents.http._aiohttp", ("httpcore", "h11", *FRAMEWORKS)),
        ("remote_agents.sandbox", FRAMEWORKS),
        ("langchain_agents", ("llama_index", "llamaindex_agents", "starlette", "sqlalchemy")),
        ("llamaindex_agents", ("langchain_core", "langchain_agents", "starlette")),
    ],
)
def test_imports_nothing_foreign(package: str, absent: tuple[str, ...]) -> None:
    script = f"import sys, {package}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([*STRICT, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()}
    assert not loaded & set(absent)


# What only a turn needs: it is loaded with the first model.
ASKING = ("remote_agents.agent", "remote_agents.memory.plan", "remote_agents.turns.turn")


@pytest.mark.parametrize(
    "name",
    [
        "remote_agents.BlueNexus",
        "langchain_agents.ChatBlueNexus",
        "langchain_agents.AGUILLM",
        "llamaindex_agents.MaiAgent",
    ],
)
def test_a_class_is_imported_without_what_asks(name: str) -> None:
    package, kind = name.split(".")
    script = f"import sys; from {package} import {kind}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([*STRICT, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = {*done.stdout.splitlines()}
    assert package in loaded
    assert not loaded & {*ASKING}
    services = {found for found in map(_service_of, loaded) if found}
    assert len(services) == 1


def _service_of(module: str) -> str | None:
    found = re.match(r"remote_agents\.services\.(\w+)", module)
    return found and found[1]


@pytest.mark.parametrize(
    "package", ["remote_agents", "remote_agents.sandbox", "langchain_agents", "llamaindex_agents"]
)
def test_exports(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__all__ == sorted(set(module.__all__))
    assert not [name for name in module.__all__ if not hasattr(module, name)]


WITHIN = {"Info", "ToolCallDelta"}  # what a reply is made of, and no stream yields


@pytest.mark.parametrize("event", get_args(Event), ids=lambda event: event.__name__)
def test_each_event_of_a_stream_has_a_public_name(event: type) -> None:
    name = event.__name__
    assert (getattr(remote_agents, name, None) is event) is (name not in WITHIN)
