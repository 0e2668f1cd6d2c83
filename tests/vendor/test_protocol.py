"""The official `ag-ui-protocol` package of each version: what it defines and what it parses."""

import json
import subprocess
from typing import Any

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.wire.ag_ui import KNOWN
from tests.sandbox.test_run_input import REFUSED, REFUSED_BY_ALL, TAKEN, TAKEN_BY_ALL
from tests.vendor.serving import interpreter

PARSE = """
import json, sys
from ag_ui.core import Event, EventType, RunAgentInput
from pydantic import TypeAdapter
for frame in json.load(sys.stdin):
    if not frame["type"].startswith("THINKING"):  # no version's union has them any more
        event = TypeAdapter(Event).validate_python(frame)
        assert not event.model_extra, (frame, event.model_extra)
print(json.dumps([kind.value for kind in EventType]))
"""
READ = """
import json, sys
from ag_ui.core import RunAgentInput
from pydantic import ValidationError
def taken(body):
    try:
        RunAgentInput.model_validate(body)
    except ValidationError:
        return False
    return True
print(json.dumps({name: taken(body) for name, body in json.load(sys.stdin).items()}))
"""
# Tencent's own server fills these in before it reads a run.
FILLED_IN = {"threadId": "t", "runId": "r", "state": {}, "tools": [], "context": []}
TOOL = {
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
QUESTION: dict[str, Any] = {
    "threadId": "t",
    "runId": "r",
    "messages": [{"id": "1", "role": "user", "content": "How many vacation days do I get?"}],
    "state": {},
    "tools": [],
    "context": [],
    "forwardedProps": {},
}


@pytest.mark.parametrize(
    ("environment", "service", "path"),
    [
        ("vendor", "cloudbase", "/v1/aibot/bots/{}/send-message"),
        ("foreign", "ag_ui", "/ag-ui/{}"),
    ],
)
@pytest.mark.parametrize("agent", ["handbook", "approval"])
@pytest.mark.parametrize("tools", [[], [TOOL]], ids=["no tools", "a tool"])
def test_what_the_sandbox_sends_parses_and_what_is_defined_is_known(
    sandbox: Sandbox,
    environment: str,
    service: str,
    path: str,
    agent: str,
    tools: list[dict[str, Any]],
) -> None:
    name = agent if service == "ag_ui" else f"agent-{agent}"
    key = {"authorization": f"Bearer {sandbox.kwargs(service)['api_key']}"}
    url = sandbox.url + path.format(name)
    asked = {**QUESTION, "tools": tools, "threadId": f"{agent}-{len(tools)}"}
    if tools:
        asked["messages"] = [{"id": "1", "role": "user", "content": "How is the weather in Rome?"}]
    told = httpx.post(url, json=asked, headers=key).text
    assert ("TOOL_CALL_RESULT" in told) is (not tools and agent == "handbook")
    frames = [json.loads(line[6:]) for line in told.splitlines() if line]
    assert frames[-1]["type"] == "RUN_FINISHED"
    ran = subprocess.run(
        [interpreter(environment), "-c", PARSE],
        input=json.dumps(frames),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert set(json.loads(ran.stdout)) - KNOWN == set()


@pytest.mark.parametrize(
    ("environment", "service"), [("vendor", "cloudbase"), ("foreign", "ag_ui")]
)
def test_the_sandbox_takes_and_refuses_runs_as_the_package_does(
    environment: str, service: str
) -> None:
    refused = {**REFUSED_BY_ALL, **REFUSED[service]}
    bodies = {**refused, **TAKEN_BY_ALL, **TAKEN[service]}
    given = {name: {**FILLED_IN, "forwardedProps": {}, **body} for name, body in bodies.items()}
    ran = subprocess.run(
        [interpreter(environment), "-c", READ],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    taken = json.loads(ran.stdout)
    known = {"a message without id"} if service == "cloudbase" else set()  # the server gives it one
    assert {name for name in bodies if taken[name] is (name in refused)} == known
