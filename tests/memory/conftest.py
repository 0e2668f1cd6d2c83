from pathlib import Path

import pytest

from remote_agents import InMemorySessionStore, SessionStore
from remote_agents.sandbox import Sandbox
from tests.memory.faces import Build, builder


@pytest.fixture
def own_store() -> InMemorySessionStore:
    return InMemorySessionStore()


@pytest.fixture
def build(sandbox: Sandbox, own_store: SessionStore) -> Build:
    """`build(face, service)`: a model of one of the faces; all share one store."""
    return builder(sandbox, own_store)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 's.db'}"
