"""The wheel as a user gets it, in environments of its own."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def built(folder: Path) -> Path:
    """The wheel of this source, in a folder."""
    # hatchling itself, not `build`: no environment is made and nothing is fetched for it.
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def source(folder: Path) -> Path:
    """The source distribution, in a folder."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, cwd=ROOT)
    (archive,) = folder.glob("*.tar.gz")
    return archive


def installed(folder: Path, requirement: str) -> Path:
    """The Python of a new environment that has this."""
    environment = folder / "venv"
    uv("venv", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    uv("pip", "install", "--python", python, "-c", ROOT / "requirements/dev.txt", requirement)
    return python


def distributions(python: Path) -> set[str]:
    """The names of what is installed there."""
    frozen = uv("pip", "freeze", "--python", python)
    return {re.split(r"==| @ ", line)[0] for line in frozen.splitlines()}


def uv(*arguments: object) -> str:
    """What a command of uv prints."""
    return run(sys.executable, "-m", "uv", "--quiet", "--system-certs", *arguments)


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
