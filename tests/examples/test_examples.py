"""The programs of `examples/`, started as their pages say, and used with a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from remote_agents.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
QUESTION, ANSWER = "How many vacation days do I get?", "25 vacation days"
FOLLOW_UP, GOES_ON = "And what about part-time staff?", "12.5 days"
PAGES = {
    "streamlit": (
        "examples",
        ["-m", "streamlit", "run", "streamlit_chat.py", "--server.port={port}"],
        {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false"},
    ),
    "gradio": ("examples", ["gradio_chat.py"], {"GRADIO_ANALYTICS_ENABLED": "False"}),
    "chainlit": (
        "chainlit",
        ["-m", "chainlit", "run", "chainlit_chat.py", "--headless", "--port={port}"],
        {},
    ),
}


def python_of(environment: str) -> str:
    """The interpreter of an environment that `make examples` made."""
    python = ROOT / f".venv-{environment}" / "bin" / "python"
    if not python.exists():
        pytest.fail(f".venv-{environment} is not there: make examples")
    return str(python)


@pytest.fixture(scope="module")
def agents() -> Iterator[Sandbox]:
    with Sandbox(rate_limit=None) as box:
        yield box


@contextmanager
def serving(
    box: Sandbox,
    environment: str,
    command: list[str],
    folder: Path,
    output: IO[str] | None = None,
    errors: IO[str] | None = None,
    **env: str,
) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    known = {**os.environ, **box.env(), "PYTHONPATH": str(ROOT), "PORT": str(port), **env}
    words = [python_of(environment), *(word.format(port=port) for word in command)]
    server = subprocess.Popen(words, cwd=folder, env=known, stdout=output, stderr=errors)
    try:
        _await(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(20)


def _await(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(url, trust_env=False)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"{url} does not answer")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.fail("Chromium is not installed. On Debian: apt-get install chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument("--window-size=900,900")
    chromium = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chromium
    chromium.quit()


@pytest.mark.parametrize("page", PAGES)
def test_a_chat_page(page: str, agents: Sandbox, browser: Any) -> None:
    environment, command, env = PAGES[page]
    with serving(agents, environment, command, EXAMPLES, **env) as url:
        _talk(browser, url)
        if folder := os.environ.get("PICTURES"):
            browser.save_screenshot(str(Path(folder) / f"{page}.png"))


def test_a_redrawn_answer_on_the_streamlit_page_is_still_the_agents(
    agents: Sandbox, browser: Any
) -> None:
    environment, command, env = PAGES["streamlit"]
    with serving(agents, environment, command, EXAMPLES, **env) as url:
        _talk(browser, url)
        drawn = "[data-testid=stChatMessageAvatarAssistant]"
        WebDriverWait(browser, 60).until(
            lambda page: len(page.find_elements(By.CSS_SELECTOR, drawn)) == 2
        )


def _talk(browser: Any, url: str) -> None:
    browser.get(url)
    for question, answer in ((QUESTION, ANSWER), (FOLLOW_UP, GOES_ON)):
        _ask(browser, question)
        WebDriverWait(browser, 60).until(lambda page, a=answer: a in _text(page))


def _text(browser: Any) -> str:
    return str(browser.find_element(By.TAG_NAME, "body").text)


def _ask(browser: Any, question: str) -> None:
    box = WebDriverWait(browser, 60).until(_box)
    box.click()
    box.send_keys(question, Keys.ENTER)


def _box(browser: Any) -> Any:
    boxes = browser.find_elements(By.CSS_SELECTOR, "textarea, #chat-input")
    shown = [box for box in boxes if box.is_displayed() and box.is_enabled()]
    return shown[-1] if shown else None


APP = ["-m", "uvicorn", "app:app", "--port={port}"]


def chat(url: str, key: str, text: str, thread: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    body = {"text": text, "thread": thread}
    return httpx.post(f"{url}/chat", json=body, headers=headers, timeout=60, trust_env=False)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_service(
    workers: str, agents: Sandbox, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    key = agents.kwargs("bluenexus")["api_key"]
    env = {} if workers == "1" else {"DATABASE_URL": request.getfixturevalue("database")}
    folder = EXAMPLES / "fastapi_langgraph"
    with serving(agents, "examples", [*APP, f"--workers={workers}"], folder, **env) as url:
        assert httpx.get(f"{url}/livez", trust_env=False).json() == {"ok": True}
        for thread in ("t1", "t2", "t3", "t4"):  # whichever worker answers
            assert ANSWER in chat(url, key, QUESTION, thread).text
            assert GOES_ON in chat(url, key, FOLLOW_UP, thread).text
        assert chat(url, key, QUESTION, "t5").headers["X-Accel-Buffering"] == "no"
        assert chat(url, "wrong", QUESTION, "t1").status_code == 401
        for token, status in ((key, 200), ("wrong", 503)):
            health = httpx.get(
                f"{url}/healthz",
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=60,
            )
            assert health.status_code == status, health.text
            assert health.json()[-1]["ok"] is (status == 200)


def test_the_services_of_the_compose_file(agents: Sandbox, database: str) -> None:
    """Each as a process, with the words and the environment that the files give it."""
    folder = EXAMPLES / "fastapi_langgraph"
    services = yaml.safe_load((folder / "docker-compose.yml").read_text())["services"]
    started = re.search(r"^CMD (\[.*\])$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    assert started
    command = json.loads(started[1])
    stays, stops = (
        command.index("--timeout-graceful-shutdown"),
        services["chat"]["stop_grace_period"],
    )
    assert int(command[stays + 1]) < int(stops.removesuffix("s"))
    env = {name: str(value) for name, value in services["chat"]["environment"].items()}
    assert urlsplit(env["BLUENEXUS_BASE_URL"]).hostname in services
    assert urlsplit(env["DATABASE_URL"]).hostname in services
    env |= {"BLUENEXUS_BASE_URL": agents.url, "DATABASE_URL": database, "BLUENEXUS_AGENT_ID": ""}
    words, key = ["-m", *command, "--port={port}"], agents.kwargs("bluenexus")["api_key"]
    with serving(agents, "examples", words, folder, **env) as url:
        _, python, *check = services["chat"]["healthcheck"]["test"]
        assert python == "python"
        check[-1] = check[-1].replace("http://127.0.0.1:8000", url)
        assert subprocess.run([python_of("examples"), *check], check=False).returncode == 0
        for thread in map(str, range(8)):  # whichever of the four workers answers
            assert ANSWER in chat(url, key, QUESTION, thread).text
            assert GOES_ON in chat(url, key, FOLLOW_UP, thread).text


TRACED = """
import sys
from opentelemetry.instrumentation.auto_instrumentation import run
sys.argv[1:1] = ["--traces_exporter=console", "--metrics_exporter=none", "--logs_exporter=none"]
run()
"""


def test_a_turn_is_in_the_trace_of_its_request(agents: Sandbox, tmp_path: Path) -> None:
    known = agents.kwargs("bluenexus")
    traced, folder = tmp_path / "spans.txt", EXAMPLES / "fastapi_langgraph"
    command = ["-c", TRACED, python_of("examples"), *APP]
    soon = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
    with (
        traced.open("w") as output,
        serving(agents, "examples", command, folder, output, **soon) as url,
    ):
        assert ANSWER in chat(url, known["api_key"], QUESTION, "traced").text
        until = time.monotonic() + 60
        while "POST /chat" not in (spans := traces(traced)) and time.monotonic() < until:
            time.sleep(0.1)
    assert spans["POST /chat"] == spans[f"invoke_agent {known['agent_id']}"]


def traces(written: Path) -> dict[str, str]:
    """The trace of each span that OpenTelemetry has written, by its name."""
    span = r'"name": "(.+?)",\s+"context": {\s+"trace_id": "(.+?)"'
    return dict(re.findall(span, written.read_text()))


def test_two_users_threads_of_one_name_are_two_in_the_service() -> None:
    folder = EXAMPLES / "fastapi_langgraph"
    with Sandbox(rate_limit=None, token_seconds=600) as box:
        alice, bob = (box.token("bluenexus")[0] for _ in range(2))
        with serving(box, "examples", APP, folder) as url:
            chat(url, alice, "My secret word is zebra-17.", "t1")
            assert "zebra-17" not in chat(url, bob, "What is my secret word?", "t1").text
            assert "zebra-17" in chat(url, alice, "What is my secret word?", "t1").text


@pytest.mark.parametrize("fault", ["drop_after", "truncate_after", "error_event"])
def test_an_answer_that_breaks_off_is_a_cut_body_and_a_line_in_the_log(
    agents: Sandbox, tmp_path: Path, fault: str
) -> None:
    logged, folder = tmp_path / "log.jsonl", EXAMPLES / "fastapi_langgraph"
    key = agents.kwargs("bluenexus")["api_key"]
    with (
        logged.open("w") as errors,
        serving(agents, "examples", APP, folder, errors=errors) as url,
    ):
        agents.fault(fault, **{"after" if fault == "error_event" else "events": 3})
        with pytest.raises(httpx.RemoteProtocolError):
            chat(url, key, QUESTION, "broken")
        assert ANSWER in chat(url, key, QUESTION, "whole").text
    written = logged.read_text()
    lines = [json.loads(line) for line in written[written.index("{") :].splitlines()]
    (told,) = (line for line in lines if line["logger"] == "app")
    assert told["request_id"]
    assert not [line for line in lines if "traceback" in line]


@pytest.fixture
def database(postgres_url: str) -> str:
    return postgres_url.replace("postgresql+psycopg://", "postgresql://")
