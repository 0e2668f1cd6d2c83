"""An executed notebook in a real browser: what an agent wrote is seen, and runs nothing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from selenium import webdriver

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

ATTACK = """**25 days** of vacation, says `a < b`.

<script>window.pwned = 'script'</script>
<img src="x" onerror="window.pwned = 'image'">
<svg onload="window.pwned = 'svg'"></svg>
<iframe srcdoc="<script>parent.pwned = 'frame'</script>"></iframe>
![tracker](https://tracker.example/?q=secret)
[link](javascript:window.pwned='link') [site](https://example.com/a?b=1&c=2)
[other][ref]

[ref]: javascript:window.pwned='reference'

```html
<script>window.pwned = 'code'</script>
```
"""
SETUP = f"""
from remote_agents import display_stream
from remote_agents.types import Citation, Finish, ReasoningDelta, Reply, TextDelta
ATTACK = {ATTACK!r}
events = [ReasoningDelta("I look <script>window.pwned = 'thought'</script> it up."),
          *map(TextDelta, ATTACK.splitlines(True)),
          Citation(title="<b onmouseover=window.pwned='title'>Vacation</b>", url="https://example.com/v"),
          Citation(title="Bad source", url="javascript:window.pwned='citation'")]
reply = Reply("bluenexus", "bluenexus:default@host")
for event in events:
    reply.add(event)
events.append(Finish("stop", reply))
async def stream():
    for event in events:
        yield event
"""
CELLS = [
    SETUP,
    "same = display_stream(iter(events)); assert same is reply",
    "same = await display_stream(stream()); assert same is reply",
    "reply",
]
OUTPUTS = len(CELLS) - 1


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook, executed and exported without anything from the web."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    folder = tmp_path_factory.mktemp("notebook")
    source = folder / "page.ipynb"
    nbformat.write(notebook, source)
    # In a process of its own: nbclient leaves its event loop open.
    convert = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    subprocess.run([*convert, str(source)], check=True, capture_output=True, timeout=120)
    notebook = nbformat.read(source, as_version=4)
    exporter = HTMLExporter()
    for name in ("require_js_url", "jquery_url", "mathjax_url", "mermaid_js_url"):
        setattr(exporter, name, "")
    body, _ = exporter.from_notebook_node(notebook)
    path = folder / "page.html"
    path.write_text(body, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium that knows no host but this one, showing the page."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        reason = "Chromium is not installed. On Debian: apt-get install chromium-driver"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = (
        "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking"
        " disable-component-update disable-sync disable-dev-shm-usage"
    )
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument("--window-size=1000,2600")
    chromium = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        chromium.get(page.as_uri())
        yield chromium
    finally:
        chromium.quit()


def outputs(browser: Any) -> list[Any]:
    return list(browser.find_elements("css selector", ".jp-OutputArea-output"))


def test_the_answer_is_seen(browser: Any) -> None:
    shown = outputs(browser)
    assert len(shown) == OUTPUTS
    for output in shown:
        assert output.find_element("tag name", "strong").text == "25 days"
        assert "<script>window.pwned = 'script'</script>" in output.text
        assert "a < b" in output.text
        assert "<script>window.pwned = 'code'</script>" in output.text
        assert "Vacation" in output.text
        assert "Bad source" in output.text


def test_the_reasoning_unfolds(browser: Any) -> None:
    for output in outputs(browser):
        assert "I look" not in output.text
        summary = output.find_element("tag name", "summary")
        summary.click()
        assert "I look <script>window.pwned = 'thought'</script> it up." in output.text
        summary.click()


def test_nothing_ran(browser: Any) -> None:
    bad = """return [...document.querySelectorAll('.jp-OutputArea-output *')].filter(e =>
        /^(script|img|svg|iframe|object|embed|form|input)$/i.test(e.tagName)
        || [...e.attributes].some(a => /^on/i.test(a.name))
        || (e.href && !/^(https?:|file:.*#)/.test(e.href))).map(e => e.outerHTML)"""
    assert browser.execute_script(bad) == []
    # Links to another page would leave this one; those that could run something are clicked.
    browser.execute_script(
        "document.querySelectorAll('.jp-OutputArea-output a').forEach(a => {"
        " if (!/^https?:/.test(a.href)) a.click();"
        " a.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})) })"
    )
    assert browser.execute_script("return window.pwned") is None
    asked = "return performance.getEntriesByType('resource').map(e => e.name)"
    assert not [name for name in browser.execute_script(asked) if "tracker" in name]


def test_the_check_itself_sees_a_script(browser: Any) -> None:
    browser.execute_script(
        "const e = document.createElement('script'); e.text = 'window.pwned = 1';"
        "document.body.append(e)"
    )
    assert browser.execute_script("return window.pwned") == 1
    browser.execute_script("delete window.pwned")
