"""The pytest plugin is loaded in everybody's run: it leaves tests of theirs alone."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

THEIRS = """
import pytest

@pytest.fixture
def agent_service():
    return "my own"

def test_a_fixture(agent_service):
    assert agent_service == "my own"

@pytest.mark.parametrize("agent_service", [None, "x"])
def test_a_parameter(agent_service):
    assert agent_service in (None, "x")
"""
WITHOUT_SANDBOX = "import sys; sys.modules['starlette'] = None"


@pytest.mark.parametrize("conftest", ["", WITHOUT_SANDBOX], ids=["whole", "base install"])
def test_what_is_called_as_one_of_the_kits_is_theirs(tmp_path: Path, conftest: str) -> None:
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_theirs.py").write_text(THEIRS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout, done.stdout
