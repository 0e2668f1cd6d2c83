"""`remote-agents` in a real terminal."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from remote_agents.sandbox import Sandbox

STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
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


def test_ctrl_c_at_the_prompt_drops_the_line_and_keeps_the_chat(
    chat: "pexpect.spawn[str]",
) -> None:
    chat.send("half a questi")
    chat.expect("half a questi")
    chat.sendintr()
    chat.expect("/quit ends")
    chat.expect(PROMPT)
    said = ask(chat, "Say: whole")
    assert "whole" in said
    assert "half" not in said
    chat.sendline("/quit")
    chat.expect(pexpect.EOF)
    chat.wait()
    assert chat.exitstatus == 0


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


def test_words_are_wrapped_and_markdown_is_drawn(chat: "pexpect.spawn[str]") -> None:
    chat.setwinsize(24, 30)
    words = "several words of an answer " * 3
    chat.sendline(f"Say: **Bold** {words}[here](https://x.example)")
    chat.expect(r"\d\.\d s")  # the facts below the answer
    said = str(chat.before)
    drawn = said[said.rindex("\r\n", 0, said.rindex("Bold")) :]
    assert "\x1b[1mBold" in drawn
    assert "**" not in drawn
    assert "https://x.example" in STYLES.sub("", drawn), "where a link leads is shown"
    lines = [line.rstrip() for line in STYLES.sub("", drawn).split("\r\n")]
    wrapped = [line for line in lines if re.search("several|words|answer", line)]
    assert len(wrapped) > 2
    assert all(len(line) <= 30 for line in wrapped)
    assert "".join(wrapped).count("words") == 3, "no word is broken"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_and_services(shell: str) -> None:
    words = "remote-agents ask cl"
    asked = {"bash": {"COMP_WORDS": words, "COMP_CWORD": "2"}}.get(
        shell,
        {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    )
    done = subprocess.run(
        [sys.executable, "-m", "remote_agents.cli"],
        env={**os.environ, **asked, "_REMOTE_AGENTS_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.findall(r"cloudbase\w*", done.stdout) == ["cloudbase", "cloudbase_openai"]
    assert "private_ai" not in done.stdout


def test_bash_completes_in_a_terminal(tmp_path: Path) -> None:
    command = tmp_path / "remote-agents"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m remote_agents.cli "$@"\n')
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "TERM": "xterm", "PS1": "$ "}
    shell = pexpect.spawn("bash", ["--norc", "--noprofile"], env=env, encoding="utf-8", timeout=30)
    try:
        shell.sendline('eval "$(remote-agents --show-completion)"; echo rea""dy')
        shell.expect("ready")
        shell.send("remote-agents conver\t")
        shell.expect("conversations")
        shell.send("blu\t")
        shell.expect("bluenexus")
    finally:
        shell.close(force=True)
