"""What a user gets: the wheel, and what each extra brings and leaves out."""

import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from remote_agents.version import VERSION
from tests.packaging.wheels import ROOT, built, distributions, installed, run, source

pytestmark = pytest.mark.packaging

PACKAGES = ("remote_agents", "langchain_agents", "llamaindex_agents", "remote_agents_demo")
BASE = {"httpx", "pydantic"}
THEIR_NEEDS = {
    "annotated-types",
    "anyio",
    "certifi",
    "exceptiongroup",
    "h11",
    "httpcore",
    "idna",
    "pydantic-core",
    "sniffio",
    "typing-extensions",
    "typing-inspection",
}

USE_SANDBOX = """
import httpx
from remote_agents.sandbox import Sandbox
with Sandbox() as box:
    assert len(httpx.get(box.url).json()["agents"]) == 6
"""

# extra: what must work with it, and which distributions it must not bring
EXTRAS = {
    "langchain": ("import langchain_agents", {"llama-index-core", "starlette"}),
    "llamaindex": ("import llamaindex_agents", {"langchain-core", "starlette"}),
    "sandbox": (USE_SANDBOX, {"langchain-core", "llama-index-core"}),
    "sql": ("import remote_agents, sqlalchemy", {"langchain-core", "llama-index-core"}),
    "redis": ("import remote_agents, limits, redis", {"langchain-core", "llama-index-core"}),
    "cli": ("import remote_agents, typer, rich, tqdm", {"langchain-core", "llama-index-core"}),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


def test_content(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert sum(name.startswith("remote_agents/sandbox/handbook/") for name in names) >= 20
    strays = re.compile(r"(^|/)(test_|conftest)|\.(pyc|ipynb|sqlite)$")
    kit = (
        "remote_agents/testing/suite/"  # tests that are shipped: whoever writes a service runs them
    )
    assert not [name for name in names if strays.search(name) and not name.startswith(kit)]


def test_metadata(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = archive.read(f"{info}/METADATA").decode()
    assert "Requires-Python: >=3.10" in metadata
    assert "License-Expression: MIT" in metadata
    assert f"Version: {VERSION}\n" in metadata
    for name in ("Homepage", "Documentation", "Changelog", "Issues", "Security"):
        assert f"Project-URL: {name}, https://" in metadata
    assert "Author: " in metadata
    versions = re.findall(
        r"^Classifier: Programming Language :: Python :: 3\.(\d+)$", metadata, re.MULTILINE
    )
    tried = re.search(r'python: \[("3\.10".*)\]', (ROOT / ".github/workflows/ci.yml").read_text())
    assert tried
    assert [f'"3.{minor}"' for minor in versions] == tried[1].split(", ")
    always = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert set(always) == BASE
    assert "remote-agents = " in archive.read(f"{info}/entry_points.txt").decode()


def test_the_source_has_what_tests_and_documentation_need(tmp_path: Path) -> None:
    with tarfile.open(source(tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("tests", "docs", "notebooks", "examples", "scripts", "requirements", "remote_agents")
    files = {path for folder in folders for path in (ROOT / folder).rglob("*")}
    needed = {str(path.relative_to(ROOT)) for path in files if path.is_file()}
    made = re.compile(r"__pycache__|\.ipynb_checkpoints|\.pyc$|\.chainlit|examples/chainlit\.md")
    assert {name for name in needed if not made.search(name)} <= names
    assert {"Makefile", "mkdocs.yml", "README.md", "SECURITY.md", ".ci/run"} <= names
    assert not [name for name in names if made.search(name) or name.startswith((".venv", "site/"))]


def test_nothing_but_httpx_and_pydantic(wheel: Path, tmp_path: Path) -> None:
    python = installed(tmp_path, str(wheel))
    assert distributions(python) - THEIR_NEEDS == {"remote-agents", *BASE}
    run(python, "-I", "-c", "import remote_agents", cwd=tmp_path)


@pytest.mark.parametrize("extra", EXTRAS)
def test_extra(extra: str, wheel: Path, tmp_path: Path) -> None:
    works, absent = EXTRAS[extra]
    python = installed(tmp_path, f"{wheel}[{extra}]")
    assert not distributions(python) & absent
    run(python, "-I", "-W", "error", "-c", works, cwd=tmp_path)
