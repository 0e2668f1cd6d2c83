"""scripts/install, where only one of the two installers gets through."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAKE = '#!/bin/sh\necho "{name} $*" >> "{log}"\ncase "$*" in "{refused}"*) exit 2 ;; esac\n'


@pytest.mark.parametrize(
    ("uv_refuses", "installers"),
    [("pip install", ["uv", "python -m"]), ("--version", ["python -m", "uv"]), ("never", ["uv"])],
)
def test_pip_installs_where_uv_cannot(
    uv_refuses: str, installers: list[str], tmp_path: Path
) -> None:
    log, folder = tmp_path / "log", tmp_path / "venv/bin"
    folder.mkdir(parents=True)
    for name, refused in (("uv", uv_refuses), ("python", "never")):
        (folder / name).write_text(FAKE.format(name=name, log=log, refused=refused))
        (folder / name).chmod(0o755)
    script = [ROOT / "scripts/install", folder.parent]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    asked = [line for line in log.read_text().splitlines() if "pip install" in line]
    assert [line.split(" pip ")[0] for line in asked] == installers
    assert asked[-1].endswith("-r requirements/dev.txt -e .[all]")
