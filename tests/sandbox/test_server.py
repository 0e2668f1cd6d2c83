import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from remote_agents.sandbox import Sandbox
from remote_agents.sandbox.__main__ import main
from remote_agents.sandbox.serving.server import listen
from tests.sandbox.calls import Caller


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "10.0.0.1"])
def test_foreign_hosts_are_refused(call: Caller, host: str) -> None:
    reply = call.http.get("/", headers={"host": host})
    assert reply.status_code == 403
    told = f"The sandbox does not answer to the host {host!r}: start it with --allow-host NAME."
    assert reply.json() == {"error": told}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9", "[::1]:8700", "localhost.:8700"])
def test_loopback_hosts_are_welcome(call: Caller, host: str) -> None:
    assert call.http.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_posts_of_other_sites_are_refused(call: Caller, origin: str) -> None:
    for path in ("/_sandbox/reset", call.path("bluenexus")):
        assert call.http.post(path, headers={"origin": origin}).status_code == 403
    welcome = {"origin": "http://localhost:3000"}
    assert call.http.post("/_sandbox/reset", headers=welcome).status_code == 200


def test_documents_can_be_read(call: Caller) -> None:
    assert "# Vacation" in call.http.get("/documents/vacation.md").text
    assert call.http.get("/documents/../state.py").status_code == 404
    assert call.http.get("/documents/%2e%2e/state.py").status_code == 404


def test_a_folder_without_documents_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "remote_agents.sandbox", "--port=0", "--json"]
    with subprocess.Popen(
        [*command, "--documents", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        started = process.stdout.readline()
        process.terminate()
        _, said = process.communicate()
    assert json.loads(started)["agents"]
    assert said.startswith(f"There is no .md or .txt file in {tmp_path}: ")


def test_a_taken_port_is_one_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
        assert f"Port {port} is not available" in capsys.readouterr().err
        with pytest.raises(RuntimeError, match=f"did not start. Port {port}"):
            Sandbox(port=port).start()


def test_frames_are_not_held_back() -> None:
    # asyncio sets TCP_NODELAY only on sockets that name their protocol.
    with listen(0) as sock:
        assert sock.proto == socket.IPPROTO_TCP


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(RuntimeError, match="does not exist: /no/such"):
        Sandbox(documents="/no/such").start()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "99999"], "up to 65535, not '99999'"),
        (["--port", "0", "--state", "missing/state.sqlite"], "unable to open"),
        (["--port", "0", "--state", "notes.txt"], "not a database"),
        (["--port", "0", "--documents", "missing"], "does not exist: missing"),
        (["--port", "0", "--rate-limit", "often"], "not 'often'"),
    ],
)
def test_a_wrong_option_is_one_clear_sentence(
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("These are my notes. " * 100)
    try:
        code = main(options)
    except SystemExit as end:  # argparse
        code = end.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("options", [[], ["--state=s.sqlite", "--tls"], ["--tls=tls"]])
def test_no_place_for_temporary_files_is_one_clear_sentence(
    options: list[str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", "/no/such")
    assert main(["--port=0", *options]) == 2
    said = "There is no place for temporary files (No such file or directory): name one with"
    assert capsys.readouterr().err.startswith(said)


def test_no_place_for_temporary_files_is_needed(tmp_path: Path) -> None:
    program = (
        "import tempfile; tempfile.tempdir = '/no/such'; from remote_agents.sandbox.__main__ "
        "import main; main(['--port=0', '--json', '--state=s.sqlite', '--tls=tls'])"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=env, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()
    assert json.loads(line)["agents"]


def test_own_documents(tmp_path: Path) -> None:
    text = "# Ferry\n\nThe ferry leaves at 7:40 every morning.\n"
    (tmp_path / "boat.md").write_text(text, encoding="utf-8-sig")  # as editors on Windows do
    (tmp_path / "folder.md").mkdir()
    if os.name == "posix":  # elsewhere not everybody may make links
        (tmp_path / "gone.md").symlink_to(tmp_path / "nowhere.md")
    with (
        Sandbox(documents=tmp_path) as box,
        httpx.Client(base_url=box.url, trust_env=False) as http,
    ):
        answer = Caller(box, http).ask("private_ai", "When does the ferry leave?")
        assert answer == "The ferry leaves at 7:40 every morning (see Ferry)."


def test_print_env_then_serves() -> None:
    command = [sys.executable, "-m", "remote_agents.sandbox", "--port=0", "--print-env"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(12)]
        env = dict(line.removeprefix("export ").split("=", 1) for line in lines)
        try:
            manifest = httpx.get(env["BLUENEXUS_BASE_URL"], trust_env=False).json()
        finally:
            process.send_signal(signal.SIGINT)
        assert manifest["agents"]["bluenexus"]["api_key"] == env["BLUENEXUS_API_KEY"]
        assert process.wait(5) == 0


def test_streams_that_are_cut_at_the_end_are_no_news() -> None:
    options = ["--port=0", "--json", "--word-delay=60"]
    command = [sys.executable, "-m", "remote_agents.sandbox", *options]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process, httpx.Client(trust_env=False) as http:
        assert process.stdout is not None
        agent = json.loads(process.stdout.readline())["agents"]["bluenexus"]
        address = f"{agent['base_url']}/api/v1/agents/default/chat/completions"
        body = {"messages": [{"role": "user", "content": "Count to 9"}], "stream": True}
        headers = {"authorization": f"Bearer {agent['api_key']}"}
        with http.stream("POST", address, json=body, headers=headers) as reply:
            assert next(reply.iter_lines())
            process.terminate()
            _, said = process.communicate(timeout=30)
    assert said == ""


def test_it_dies_with_its_parent() -> None:
    script = (
        "from remote_agents.sandbox import Sandbox; import os, sys;"
        "box = Sandbox().start(); print(box.url, flush=True); sys.stdin.read(); os._exit(9)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env,
    ) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert httpx.get(url, trust_env=False).status_code == 200
    assert is_gone(url)


def is_gone(url: str) -> bool:
    for _ in range(100):
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            return True
        time.sleep(0.02)
    return False


def test_stop_is_quick_and_cuts_streams() -> None:
    box = Sandbox(word_delay=1.0).start()
    with httpx.Client(base_url=box.url, trust_env=False) as http:
        call = Caller(box, http)
        body, headers = call.body("bluenexus", "Count to 50", True), call.headers("bluenexus")
        with http.stream("POST", call.path("bluenexus"), json=body, headers=headers) as reply:
            next(reply.iter_raw())
            start = time.monotonic()
            box.stop()
            assert time.monotonic() - start < 2
    assert repr(box) == "Sandbox(stopped)"
    with pytest.raises(RuntimeError, match="not running"):
        box.requests()


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    "ask",
    [lambda box: box.kwargs("bluenexus"), Sandbox.env, lambda box: box.agents, Sandbox.requests],
)
def test_one_that_does_not_run_has_no_address(
    ask: Callable[[Sandbox], object], stopped: bool
) -> None:
    box = Sandbox()
    if stopped:
        box.start().stop()
    with pytest.raises(RuntimeError, match="The sandbox is not running: use `with"):
        ask(box)


async def test_many_streams_at_once(call: Caller) -> None:
    path, headers = call.path("bluenexus"), call.headers("bluenexus")
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=call.box.url, trust_env=False, timeout=30, limits=limits
    ) as http:

        async def one(number: int) -> bool:
            body = call.body("bluenexus", f"Count to {20 + number % 3}", True)
            reply = await http.post(path, json=body, headers=headers)
            return reply.text.count("content") == 20 + number % 3

        assert all(await asyncio.gather(*(one(number) for number in range(150))))


def test_the_pytest_plugin(tmp_path: Path) -> None:
    test = "def test_it(sandbox):\n    assert sandbox.url.startswith('http')\n"
    (tmp_path / "test_it.py").write_text(test)
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    plugin = ["-p", "remote_agents.sandbox.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "1 passed" in done.stdout
