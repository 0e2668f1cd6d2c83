"""What runs without what Windows lacks, in processes from which it was taken away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = """
import asyncio, os, sys
from remote_agents.sandbox import Sandbox
assert sys.platform == "win32" and not hasattr(os, "fork")
box = Sandbox(rate_limit=None).start()
os.environ.update(box.env())
QUESTION, SAID = "How many vacation days do I get?", "25 vacation days"
"""
END = """
process = box._process
box.stop()
print("The sandbox left with", process.returncode)
"""

FACES = """
import langchain_agents, llamaindex_agents, remote_agents

async def streamed(model):
    return "".join([chunk.text async for chunk in model.astream(QUESTION)])

for name in ("AGUI", "BlueNexus", "CloudBase", "CloudBaseOpenAI", "MaiAgent", "PrivateAI"):
    client = getattr(remote_agents, name)(timeout=30)
    assert SAID in client.ask(QUESTION, session_id="a").text, name
    assert SAID in asyncio.run(client.aask(QUESTION)).text, name
    model = getattr(langchain_agents, f"Chat{name}")()
    assert SAID in model.invoke(QUESTION).text, name
    assert SAID in asyncio.run(streamed(model)), name
    llm = getattr(llamaindex_agents, name)()
    assert SAID in str(llm.complete(QUESTION)), name
    assert SAID in list(llm.stream_complete(QUESTION))[-1].text, name
"""
MANY = """
from remote_agents import ConfigurationError, MaiAgent, SQLSessionStore
from remote_agents.bulk import ask_many

client = MaiAgent(session_store=SQLSessionStore("sqlite:///sessions.db"))
rows = ask_many(client, ["Say: one", "Say: two"], path="rows.jsonl", progress=False)
first = next(rows)
try:
    list(ask_many(client, ["Say: one"], path="rows.jsonl", progress=False))
except ConfigurationError as error:
    assert "another run" in str(error)
else:
    raise AssertionError("two runs write one file")
assert {first["answer"], *(row["answer"] for row in rows)} == {"one", "two"}
"""
FILES = """
from datetime import date, timedelta
from pathlib import Path
from remote_agents import Attachment, MaiAgent, Message

client, day = MaiAgent(), timedelta(days=1)
Path("notes.txt").write_text("The office closes at noon.")
client.ask(Message("user", "Hello", [Attachment.from_path("notes.txt")]))
days = {"start": date.today() - day, "end": date.today() + day}
assert client.records.export_excel("records.xlsx", **days) == Path("records.xlsx").stat().st_size
"""
COMMANDS = """
import subprocess
run = [sys.executable, "-m", "remote_agents.cli"]
asked = ["ask", "bluenexus", QUESTION, "--session", "a"]
for arguments in (asked, ["check", "private_ai"], ["demo"]):
    done = subprocess.run([*run, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done
    assert SAID in done.stdout or arguments[0] == "check", done
chat = subprocess.run([*run, "chat", "maiagent"], input=QUESTION, capture_output=True, text=True)
assert SAID in chat.stdout, chat
assert os.path.exists("state/remote-agents/sessions.sqlite")
"""


@pytest.mark.parametrize(
    "program", [FACES, MANY, FILES, COMMANDS], ids=["faces", "many", "files", "commands"]
)
def test_it_runs_without_what_windows_lacks(program: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT / "tests/windows"), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": path, "LOCALAPPDATA": "state", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START + program + END],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "The sandbox left with 0"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("sandbox-")]
