"""An agent with a tool whose thread goes from process to process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def stepped(
    kind: str, settings: dict[str, Any], database: Path, way: str, *questions: str
) -> dict[str, Any]:
    """What the thread holds after a process of its own has taken some steps; see `worker.py`."""
    given = [kind, json.dumps(settings), str(database), way, *questions]
    command = [sys.executable, "-m", "tests.ag_ui.worker", *given]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr[-2000:]
    told: dict[str, Any] = json.loads(ran.stdout)
    return told
