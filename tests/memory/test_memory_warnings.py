"""What the log says of memory."""

from __future__ import annotations

from typing import Any

import pytest

from remote_agents import AgentError, InMemorySessionStore
from remote_agents.memory.dialogue import names_in
from remote_agents.sandbox import Sandbox
from remote_agents.turns import memory_warnings, terms
from tests.memory.ways import client


@pytest.fixture(autouse=True)
def heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "remote_agents")
    memory_warnings._warn_of_workers.cache_clear()


def said(caplog: pytest.LogCaptureFixture, level: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelname == level and "remote" in r.name]


def test_a_replay_says_why(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    agent = client(sandbox, "bluenexus", session_store=InMemorySessionStore())
    reply = agent.ask("Hi", session_id="u1")
    agent.ask(["Hi!", reply, "And?"], session_id="u1")
    assert any("message 0 (user) differs" in line for line in said(caplog, "INFO"))


def test_the_second_prompt_alone_in_a_thread_is_warned_of_once(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    agent = client(sandbox, "bluenexus", session_store=InMemorySessionStore())
    for number in range(4):
        agent.ask(f"Hi {number}", dialogue=names_in({"thread_id": "t"}))
        assert len(said(caplog, "WARNING")) == (number > 0)
    assert "session_id=" in said(caplog, "WARNING")[0]


def test_a_node_that_runs_again_is_no_second_prompt_alone(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    agent = client(sandbox, "bluenexus", session_store=InMemorySessionStore())
    for _ in range(2):  # as LangGraph runs one, from its start, once an interrupt in it is answered
        agent.ask("Hi", dialogue=names_in({"thread_id": "t"}))
    assert said(caplog, "WARNING") == []
    for prompt in ("And now?", "Hi"):  # another one is the second, whatever runs again
        agent.ask(prompt, dialogue=names_in({"thread_id": "t"}))
        assert len(said(caplog, "WARNING")) == 1


def test_a_question_that_goes_on_is_no_second_prompt_alone(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    agent = client(sandbox, "bluenexus", session_store=InMemorySessionStore(), max_retries=0)
    thread = names_in({"thread_id": "t"})
    sandbox.drop_after(1)
    with pytest.raises(AgentError):
        [*agent.stream("Hi", dialogue=thread)]
    assert agent.ask(["Hi", "Hello?"], dialogue=thread).memory == "continued"
    assert said(caplog, "WARNING") == []


@pytest.mark.parametrize(
    ("concurrency", "argv", "warned"),
    [
        ("4", [], True),
        ("1", [], False),
        ("", [], False),
        ("", ["uvicorn", "app:app", "--workers", "2"], True),
        ("", ["uvicorn", "app:app", "--workers=1"], False),
        ("", ["gunicorn", "-w", "3"], True),
    ],
)
def test_several_workers_with_the_default_store_are_warned_once(
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    concurrency: str,
    argv: list[str],
    warned: bool,
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", concurrency)
    monkeypatch.setattr("sys.argv", argv)
    agent = client(sandbox, "bluenexus")
    for name in ("one", "two"):
        agent.ask("Hi", session_id=f"workers-{name}")
    assert len(said(caplog, "WARNING")) == warned
    shared = client(sandbox, "bluenexus", session_store=InMemorySessionStore())
    shared.ask("Hi", session_id="workers")
    assert len(said(caplog, "WARNING")) == warned


def test_a_mark_of_another_process_is_told_of(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent: Any = client(sandbox, "bluenexus")
    call: dict[str, Any] = {"dialogue": names_in({"thread_id": "restarted"})}
    reply = agent.ask("Hi", **call)
    empty = InMemorySessionStore()
    for module in (terms, memory_warnings):
        monkeypatch.setattr(module, "DEFAULT_STORE", empty)
    assert agent.ask(["Hi", reply, "And?"], **call).memory == "continued"
    assert any("mark of another process" in line for line in said(caplog, "INFO"))
