"""What follows from the services' folders is written by a command, and never stale."""

from pathlib import Path

import pytest

from remote_agents.services import ENDPOINTS
from scripts.index import CLASSES, FILES

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_stale(file: str) -> None:
    text = (ROOT / file).read_text()
    assert FILES[file](text) == text, "run: python scripts/index.py"


@pytest.mark.parametrize("file", FILES)
def test_a_service_that_is_missing_is_seen(file: str) -> None:
    text = (ROOT / file).read_text()
    known = (CLASSES["maiagent"], ENDPOINTS["maiagent"].title, "services.maiagent.client")
    shown = next(name for name in known if name in text)
    lines = [line for line in text.splitlines(keepends=True) if shown not in line]
    without = "".join(lines)
    assert without != text
    assert shown in FILES[file](without)
