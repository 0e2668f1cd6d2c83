"""`make world` installs the servers; these tests are not part of `make test`."""

from collections.abc import Iterator

import pytest

from tests.vendor.serving import Server, interpreter, served


def pytest_configure(config: pytest.Config) -> None:
    for name in ("vendor", "foreign"):
        if not interpreter(name).exists():
            raise pytest.UsageError(
                f"There is no {interpreter(name)}: run these tests by `make world`, or name the "
                f"interpreter in {name.upper()}_PYTHON."
            )


@pytest.fixture(scope="session", params=["remembers", "forgets"])
def hr(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Tencent's server, around an agent that keeps its threads and one that does not."""
    with served("vendor", "cloudbase.py", request.param) as server:
        yield server


@pytest.fixture(scope="session")
def remembers() -> Iterator[Server]:
    with served("vendor", "cloudbase.py", "remembers") as server:
        yield server


@pytest.fixture(scope="session")
def static() -> Iterator[Server]:
    with served("vendor", "cloudbase.py", "static") as server:
        yield server


@pytest.fixture(scope="session")
def interrupts() -> Iterator[Server]:
    with served("vendor", "cloudbase.py", "interrupts") as server:
        yield server
