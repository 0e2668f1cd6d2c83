"""`remote-agents chat` in a real terminal."""

import sys
from collections.abc import Iterator

import pexpect
import pytest

from remote_agents.sandbox import Sandbox

PROMPT = "\r?\n?> "


# A service that keeps conversations, and one to which the history is resent.
@pytest.fixture(params=["private_ai", "cloudbase_openai"])
def chat(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator["pexpect.spawn[str]"]:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "remote_agents.cli", "chat", request.param],
        env={"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", **sandbox.env()},
        dimensions=(50, 160),
        encoding="utf-8",
        timeout=20,
    )
    try:
        child.expect("/quit ends")
        child.expect(PROMPT)
        yield child
    finally:
        child.close(force=True)


def ask(chat: "pexpect.spawn[str]", line: str) -> str:
    chat.sendline(line)
    chat.expect(PROMPT)
    return str(chat.before)


def test_a_dialogue(chat: "pexpect.spawn[str]", sandbox: Sandbox) -> None:
    first = ask(chat, "How many vacation days do I get?")
    assert "25 vacation days" in first
    assert "\x1b[2m" in first, "the reasoning or the facts are dimmed"
    follow_up = ask(chat, "And what about part-time staff?")
    assert "vacation" in follow_up
    assert "0 turns so far" in ask(chat, "/session work")
    assert "You have not said anything" in ask(chat, "What did I just say?")
    assert "A new conversation" in ask(chat, "/new")
    assert "You have not said anything" in ask(chat, "What did I just say?")
    assert "1 turns so far" in ask(chat, "/session work")
    assert "What did I just say?" in ask(chat, "What did I just say?")
    assert "/session NAME" in ask(chat, "/what")
    chat.sendline("/quit")
    chat.expect(pexpect.EOF)
    chat.wait()
    assert chat.exitstatus == 0


def test_ctrl_c_cuts_the_answer_and_keeps_the_chat(
    chat: "pexpect.spawn[str]", sandbox: Sandbox
) -> None:
    sandbox.configure(word_delay=0.1)
    try:
        chat.sendline("Count to 500")
        chat.expect("3 4 5")
        chat.sendintr()
        chat.expect("cut")
        chat.expect(PROMPT)
    finally:
        sandbox.configure(word_delay=0.0)
    assert "Hello!" in ask(chat, "Hello")
    chat.sendintr()
    chat.expect(pexpect.EOF)
    chat.wait()
    assert chat.exitstatus == 130


def test_an_error_keeps_the_chat(chat: "pexpect.spawn[str]", sandbox: Sandbox) -> None:
    sandbox.fail_next(500)
    said = ask(chat, "Hello")
    assert "500" in said
    assert "Traceback" not in said
    assert "Hello!" in ask(chat, "Hello")
    chat.sendeof()
    chat.expect(pexpect.EOF)
    chat.wait()
    assert chat.exitstatus == 0
