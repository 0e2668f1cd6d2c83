"""What a user gets: the wheel, and what each extra brings and leaves out."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging

ROOT = Path(__file__).parents[2]
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
    assert len(httpx.get(box.url).json()["agents"]) == 5
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
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling itself, not `build`: no environment is made and nothing is fetched for it.
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_content(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PACKAGES)
    assert sum(name.startswith("remote_agents/sandbox/handbook/") for name in names) >= 20
    strays = re.compile(r"(^|/)(test_|conftest)|\.(pyc|ipynb|sqlite)$")
    assert not [name for name in names if strays.search(name)]


def test_metadata(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (info,) = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" in name}
    metadata = archive.read(f"{info}/METADATA").decode()
    assert "Requires-Python: >=3.10" in metadata
    assert "License-Expression: MIT" in metadata
    always = re.findall(r"^Requires-Dist: ([\w-]+)[^;\n]*$", metadata, re.MULTILINE)
    assert set(always) == BASE
    assert "remote-agents = " in archive.read(f"{info}/entry_points.txt").decode()


def test_nothing_but_httpx_and_pydantic(wheel: Path, tmp_path: Path) -> None:
    python = _installed(tmp_path, str(wheel))
    assert _distributions(python) - THEIR_NEEDS == {"remote-agents", *BASE}
    _run(python, "-I", "-c", "import remote_agents", cwd=tmp_path)


@pytest.mark.parametrize("extra", EXTRAS)
def test_extra(extra: str, wheel: Path, tmp_path: Path) -> None:
    works, absent = EXTRAS[extra]
    python = _installed(tmp_path, f"{wheel}[{extra}]")
    assert not _distributions(python) & absent
    _run(python, "-I", "-W", "error", "-c", works, cwd=tmp_path)


def _installed(folder: Path, requirement: str) -> Path:
    environment = folder / "venv"
    _uv("venv", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    _uv("pip", "install", "--python", python, "-c", ROOT / "requirements/dev.txt", requirement)
    return python


def _distributions(python: Path) -> set[str]:
    frozen = _uv("pip", "freeze", "--python", python)
    return {re.split(r"==| @ ", line)[0] for line in frozen.splitlines()}


def _uv(*arguments: object) -> str:
    return _run(sys.executable, "-m", "uv", "--quiet", "--system-certs", *arguments)


def _run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
