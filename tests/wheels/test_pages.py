"""Each extra alone runs the pages that tell to install it; `make world` runs this."""

import os
import re
import shutil
from pathlib import Path

import pytest

from remote_agents.sandbox import Sandbox
from tests.docs.blocks import blocks_of
from tests.packaging.wheels import ROOT, built, installed, run, uv

# The page, what its own line installs, and which of its blocks run with that: all, or these.
# Of a page, what needs no LangGraph, which no extra brings but `notebooks`.
NO_GRAPH = r"\A(?!(?s:.)*(?:langchain\.agents|langgraph|graph\.|agent\.invoke))"
PAGES = {
    "README, LangChain": ("README.md", "langchain,sandbox", r"langchain_agents(?s:.)*Sandbox"),
    "README, LlamaIndex": ("README.md", "llamaindex,sandbox", r"llamaindex_agents(?s:.)*Sandbox"),
    "LangChain": ("docs/langchain.md", "langchain", None),
    "LlamaIndex": ("docs/llamaindex.md", "llamaindex", None),
    "memory": ("docs/memory.md", "langchain,llamaindex,sql", NO_GRAPH),
    "errors": ("docs/errors.md", "langchain,redis,sandbox", NO_GRAPH),
    "testing": ("docs/testing.md", "sandbox", None),
    "security": ("docs/security.md", "langchain,llamaindex", None),
    "quickstart": ("docs/quickstart.md", "langchain,llamaindex,sandbox", None),
    **{
        page.stem: (f"docs/services/{page.name}", "langchain,llamaindex", None)
        for page in sorted((ROOT / "docs/services").glob("*.md"))
        if page.stem != "index"
    },
    "ag_ui": ("docs/services/ag_ui.md", "langchain,llamaindex", NO_GRAPH),
}
RUNNER = """
import sys, warnings
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
from blocks import Runner, blocks_of, difference
import re
page, pattern = Path(sys.argv[1]), sys.argv[2]
with Runner(page) as runner:
    for block in blocks_of(page.read_text()):
        if block.run and "to_dataframe" not in block.code and re.search(pattern, block.code):
            said = difference(block, runner.run(block))
            assert said is None, said
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("what", PAGES)
def test_a_page_runs_with_its_extra_alone(what: str, wheel: Path, tmp_path: Path) -> None:
    page, extras, pattern = PAGES[what]
    blocks = [block for block in blocks_of((ROOT / page).read_text()) if block.run]
    assert any(re.search(pattern or "", block.code) for block in blocks)
    python = installed(tmp_path, f"{wheel}[{extras}]")
    shutil.copy(ROOT / "tests/docs/blocks.py", tmp_path)
    (tmp_path / "runner.py").write_text(RUNNER)
    with Sandbox(rate_limit=None) as box:
        env = {**os.environ, **box.env(), "PYTHONPATH": ""}
        run(python, "-I", "runner.py", ROOT / page, pattern or "", cwd=tmp_path, env=env)


def test_a_command_runs_without_being_installed(wheel: Path) -> None:
    assert "ask" in uv("tool", "run", "--from", f"{wheel}[cli]", "remote-agents", "--help")
