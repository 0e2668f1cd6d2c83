"""Run notebooks from top to bottom, three at a time: `scripts/notebooks.py notebooks/*.ipynb`.

A notebook whose agents answer otherwise than its committed outputs show has to be committed anew.
"""

import asyncio
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal

CELL = 120  # seconds at most
ANSWER = re.compile(r"(?:[\w,:;' -]|\.(?=\w| [A-Z]))+(?:\(see [\w ]+\)|could not find anything)")


async def failure(path: Path, places: asyncio.Semaphore) -> str | None:
    """Run one, in its own folder; which cell failed, if any did."""
    async with places:
        print(f"Executing {path}", flush=True)
        notebook = nbformat.read(path, as_version=4)
        committed = answers(notebook)
        beside = {"metadata": {"path": str(path.parent)}}
        try:
            await NotebookClient(notebook, timeout=CELL, resources=beside).async_execute()
        except CellControlSignal as error:
            return f"{path} failed:\n{error}"
        other = sorted(answers(notebook) ^ committed)
        return f"{path} is committed with other answers:\n{other}" if other else None


def answers(notebook: nbformat.NotebookNode) -> set[str]:
    """What the agents of a notebook are shown to say."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = "".join(each.get("text", "") for each in outputs)
    shown += "\n".join(each.data.get("text/plain", "") for each in outputs if "data" in each)
    return {found.strip() for found in ANSWER.findall(shown)}


async def main(paths: list[str]) -> None:
    """Run all, from one process, so that no two kernels are given the same ports."""
    places = asyncio.Semaphore(3)
    failures = await asyncio.gather(*(failure(Path(path), places) for path in paths))
    sys.exit("\n".join(filter(None, failures)) or 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
