"""A process that is forked while another thread of it is at work: its child waits for nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

FORKED = """
import os, sys, threading, time
from remote_agents import SQLSessionStore
from remote_agents.memory import sql
from remote_agents.turns import rate_limit
from remote_agents.turns.rate_limit import RateLimiter

parent, begun, over = os.getpid(), threading.Event(), threading.Event()

def slow(real):
    def function(*args):
        if os.getpid() == parent:
            begun.set()
            over.wait(30)
        return real(*args)
    return function

def counting():
    limiter, item = RateLimiter("1000000/second"), None
    def count():
        begun.set()
        while not over.is_set():
            limiter._window.delay(limiter._item, "a")
    return count, lambda: limiter._window.delay(limiter._item, "b")

def opening_a_storage():
    rate_limit._shared = slow(rate_limit._shared)
    return lambda: RateLimiter("9/minute", "memory://"), lambda: RateLimiter("9/minute")

def opening_a_database():
    store = SQLSessionStore(sys.argv[2])
    store.close()
    sql._Database = slow(sql._Database)
    return lambda: store.read("d"), lambda: store.read("d")

def waits(child):
    deadline = time.monotonic() + 10
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, 9)
            os.waitpid(child, 0)
            return True
        time.sleep(0.005)
    return False

meanwhile, word = globals()[sys.argv[1]]()
threads = [threading.Thread(target=meanwhile) for _ in range(2)]
for thread in threads:
    thread.start()
assert begun.wait(10)
for _ in range(10):
    child = os.fork()
    if child == 0:
        word()
        os._exit(0)
    if waits(child):
        over.set()
        sys.exit("the child waits for its parent's thread")
over.set()
"""


@pytest.mark.parametrize("meanwhile", ["counting", "opening_a_storage", "opening_a_database"])
def test_no_thread_of_the_parent_keeps_its_child_waiting(meanwhile: str, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'sessions.db'}"
    script = [sys.executable, "-W", "ignore", "-c", FORKED, meanwhile, address]
    done = subprocess.run(script, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
