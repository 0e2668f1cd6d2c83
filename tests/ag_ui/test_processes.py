"""An agent with a tool, whose checkpoints are restored in other processes."""

from pathlib import Path
from typing import Any

import pytest

from remote_agents.sandbox import Sandbox
from tests.ag_ui.processes import stepped

KINDS = {"ag_ui": "ChatAGUI", "cloudbase": "ChatCloudBase"}


@pytest.mark.parametrize(
    ("service", "way"), [("ag_ui", "stream"), ("cloudbase", "stream"), ("cloudbase", "invoke")]
)
def test_a_thread_goes_on_in_another_process(
    sandbox: Sandbox, service: str, way: str, tmp_path: Path
) -> None:
    own = {"agent_id": "agent-handbook"} if service == "cloudbase" else {}
    settings: dict[str, Any] = {**sandbox.kwargs(service), **own, "coalesce": False}
    step = (KINDS[service], settings, tmp_path / "threads.sqlite", way)
    asked = stepped(*step, "What is the weather in Paris?")
    assert [kind for kind, _ in asked["held"]] == ["human", "ai"]
    followed = stepped(*step, "", "How many vacation days do I get?")
    assert followed["held"][:2] == asked["held"]
    assert [kind for kind, _ in followed["held"]] == ["human", "ai", "tool", "ai", "human", "ai"]
    assert "sunny in Paris" in followed["held"][3][1]
    assert "25 vacation days" in followed["held"][-1][1]
    if way == "stream":
        assert len(followed["chunks"]) > 3
    assert len({thread for thread in followed["threads"] if thread}) == 1
    assert len(sandbox.requests(service)) == 3
