"""The pytest plugin of the conformance kit.

Example:
    `pytest --agent-service acme` runs the kit for the service `acme`, whose package is installed
    with its sandbox half; give the option once for each service.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from remote_agents.json_types import JsonMapping
from remote_agents.services import ENDPOINTS

if TYPE_CHECKING:
    from remote_agents.sandbox import Sandbox
    from remote_agents.testing.ways import Way

SUITE = "remote_agents.testing.suite"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--agent-service`."""
    parser.addoption(
        "--agent-service",
        action="append",
        metavar="NAME",
        help="run the conformance kit of remote-agents for this service",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse the name of a service that is not installed."""
    for name in config.getoption("--agent-service") or ():
        if name not in list(ENDPOINTS):
            raise pytest.UsageError(f"--agent-service: {name!r} is none of {', '.join(ENDPOINTS)}.")


def pytest_load_initial_conftests(args: list[str]) -> None:
    """Collect the kit's suite where a service is named and nothing else is."""
    if any(arg.startswith("--agent-service") for arg in args) and SUITE not in args:
        args += ["--pyargs", SUITE]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of the kit that takes `agent_service` for each service.

    Tests of others may have a fixture of that name: every run of pytest loads this plugin.
    """
    if _is_of_the_kit(metafunc.function) and "agent_service" in metafunc.fixturenames:
        services = _services(metafunc.config)
        if "slow_agent_box" in metafunc.fixturenames:  # what it shows, only streams can show
            services = [name for name in services if ENDPOINTS[name].streams]
        metafunc.parametrize("agent_service", services)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only streams can show, where no service streams."""
    idle = [item for item in items if _lacks_a_service(item)]
    if idle:
        config.hook.pytest_deselected(items=idle)
        items[:] = [item for item in items if item not in idle]


def _is_of_the_kit(function: object) -> bool:
    return str(getattr(function, "__module__", None)).startswith(SUITE)


def _lacks_a_service(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    given = spec.params.get("agent_service", "") if spec is not None else ""
    return not isinstance(given, str) and _is_of_the_kit(getattr(item, "function", None))


def _services(config: pytest.Config) -> list[str]:
    named: list[str] | None = config.getoption("--agent-service")
    if named:
        return named
    from remote_agents.sandbox.directory import AGENTS

    return list(AGENTS)


@pytest.fixture(scope="session")
def agent_box() -> Iterator[Sandbox]:
    """One sandbox for all tests; prefer `agent_sandbox`, whose log is of one test alone."""
    from remote_agents.sandbox import Sandbox

    with Sandbox(rate_limit="none") as box:
        yield box


@pytest.fixture
def agent_sandbox(agent_box: Sandbox) -> Sandbox:
    """The sandbox without faults, log and counts of another test; its conversations stay."""
    agent_box.reset()
    return agent_box


@pytest.fixture
def agent_way(
    agent_sandbox: Sandbox, agent_service: str, framework: str, streamed: bool, awaited: bool
) -> Way:
    """A way to ask the service in the sandbox, of a test for every way."""
    from remote_agents.testing.ways import Way

    settings = agent_sandbox.kwargs(agent_service)
    return Way(framework, agent_service, streamed=streamed, awaited=awaited, **settings)


@pytest.fixture(scope="session")
def slow_agent_box() -> Iterator[Sandbox]:
    """A sandbox that pauses between two words."""
    from remote_agents.sandbox import Sandbox

    with Sandbox(rate_limit="none", word_delay=0.02) as box:
        yield box


@pytest.fixture(scope="session")
def agent_values() -> JsonMapping:
    """Values for parameters, where one of their type will not do; to be defined anew by yours."""
    return {}
