"""What an import costs: `python -m benchmarks.import_time`.

Median CPU milliseconds in fresh processes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from benchmarks.processes import ROOT, environment

SCRIPT = """
import time
{first}
start = time.process_time()
{then}
print((time.process_time() - start) * 1000)
"""
CORE = "from langchain_core.language_models import BaseChatModel"
INDEX = "import llama_index.core"
# what is measured, after what
IMPORTS: dict[str, tuple[str, str]] = {
    "httpx, pydantic": ("import httpx, pydantic; pydantic.BaseModel", "pass"),
    "remote_agents": ("import remote_agents; remote_agents.BlueNexus", "pass"),
    "langchain_core": (CORE, "pass"),
    "ChatOpenAI": ("from langchain_openai import ChatOpenAI", CORE),
    "ChatBlueNexus": ("from langchain_agents import ChatBlueNexus", CORE),
    "llama_index.core": (INDEX, "pass"),
    "OpenAILike": ("from llama_index.llms.openai_like import OpenAILike", INDEX),
    "llamaindex BlueNexus": ("from llamaindex_agents import BlueNexus", INDEX),
}


def import_ms(name: str) -> float:
    """CPU milliseconds of one import in a fresh process."""
    then, first = IMPORTS[name]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(first=first, then=then)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip().rpartition("\n")[2])
    return float(done.stdout.strip().rpartition("\n")[2])


def main() -> None:
    """Print the core's import and its dependencies', the adapters' above their frameworks."""
    for name, (_, first) in IMPORTS.items():
        try:
            cost = f"{statistics.median(import_ms(name) for _ in range(5)):8.1f} ms"
        except RuntimeError as error:
            cost = f"     n/a ({error})"
        above = "" if first == "pass" else "  above the framework"
        print(f"{name:24}{cost}{above}")


if __name__ == "__main__":
    main()
