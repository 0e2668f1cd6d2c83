"""A process that is forked amid a turn: the turn is its parent's, and the session is free in it."""

import json
import os
import subprocess
import sys

import pytest

from remote_agents.sandbox import Sandbox
from tests.memory.ways import REMEMBERING

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORKED = """
import asyncio, json, os, sys, threading
from remote_agents import ENDPOINTS
from remote_agents.client import Client

endpoint, awaited, settings = sys.argv[1], sys.argv[2] == "async", json.loads(sys.argv[3])
agent = Client.kind_of(ENDPOINTS[endpoint])(**settings, session_wait=3)
known = agent.ask("My name is Bo.", session_id="u1")
begun, asked, texts = threading.Event(), threading.Event(), []

def turn():
    for event in agent.stream("Count to 5", session_id="u1"):
        begun.set()
        asked.wait(10)
        texts.append(getattr(event, "text", ""))

thread = threading.Thread(target=turn)
thread.start()
assert begun.wait(10)
child = os.fork()
if child == 0:
    try:
        call = {"prompt": "What is my name?", "session_id": "u1"}
        reply = asyncio.run(agent.aask(**call)) if awaited else agent.ask(**call)
        assert reply.text, reply
        os._exit(0)
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
asked.set()
thread.join()
assert "5" in "".join(texts)
after = agent.ask("What is my name?", session_id="u1")
assert after.conversation_id == known.conversation_id
"""


LOCKED = """
import os, pickle, sys, threading, time
from remote_agents import InMemorySessionStore
from remote_agents.memory.history_matching import Conversation

store = InMemorySessionStore()
store.begin("new", "h1", None)
store.begin("known", "h2", Conversation("c1", 1, 1))
held, over = threading.Event(), threading.Event()

def hold():
    with store._lock:
        held.set()
        over.wait(20)

threading.Thread(target=hold, daemon=True).start()
held.wait(10)
child = os.fork()
if child == 0:
    calls = {
        "read": lambda: store.read("known")[0].busy_since is None and store.read("new") == [],
        "delete": lambda: store.delete("known") == ["c1"],
        "purge": lambda: store.purge(-1) == 1,
        "finish": lambda: not store.finish("known", "h2", None),
        "pickle": lambda: pickle.loads(pickle.dumps(store)).read("known")[0].turns == 1,
    }
    os._exit(0 if calls[sys.argv[1]]() else 1)
status, deadline = 0, time.monotonic() + 10
while (done := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
    time.sleep(0.02)
if done == (0, 0):
    os.kill(child, 9)
over.set()
sys.exit(done[1] if done[0] else "the child waits for its parent's thread")
"""


@pytest.mark.parametrize("call", ["read", "delete", "purge", "finish", "pickle"])
def test_no_thread_of_the_parent_keeps_the_store_locked(call: str) -> None:
    script = [sys.executable, "-W", "ignore", "-c", LOCKED, call]
    done = subprocess.run(script, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("awaited", ["sync", "async"])
@pytest.mark.parametrize("endpoint", REMEMBERING)
def test_the_session_of_a_parents_turn_is_free(
    endpoint: str, awaited: str, sandbox: Sandbox
) -> None:
    settings = json.dumps(sandbox.kwargs(endpoint))
    script = [sys.executable, "-W", "ignore", "-c", FORKED, endpoint, awaited, settings]
    done = subprocess.run(script, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
