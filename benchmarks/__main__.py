"""`python -m benchmarks`: measure, print the table, draw the plots, rewrite the page.

`BENCH=quick` takes under two minutes and leaves the page and its plots alone. With `--without`:
what each private name of another package buys. With `--against FOLDER`: the code of another folder
beside this one's.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import against, plots, report, scenarios, without
from benchmarks.processes import ROOT, Server, Workers
from benchmarks.scenarios import QUICK, Results
from benchmarks.table import plain, table


def progress(text: str, start: float) -> None:
    """One line on stderr a scenario."""
    print(f"{time.monotonic() - start:6.0f} s  {text}", file=sys.stderr, flush=True)


def everything(secure: str, ca: str) -> list[scenarios.Scenario]:
    """All scenarios, in their order."""
    return [
        *scenarios.timings(),
        *scenarios.applications(),
        *scenarios.ways(secure, ca),
        *scenarios.growth(),
        *scenarios.fresh_ones(),
    ]


def measure(workers: Workers, all_of_them: list[scenarios.Scenario], start: float) -> Results:
    """Run everything."""
    results = Results()
    for scenario in all_of_them:
        progress(scenario.key, start)
        scenarios.run(workers, scenario, results)
    progress("shared", start)
    scenarios.run_shared(workers.url, results)
    progress("capacity", start)
    scenarios.run_capacity(workers, results)
    progress("import", start)
    scenarios.run_imports(results)
    scenarios.derive_planning(results)
    scenarios.derive_sqlite(results)
    return results


def seams() -> None:
    """What each private name of another package buys."""
    encrypted = Server("tls")
    with Server() as url, encrypted as secure:
        workers = Workers(url)
        try:
            rows = without.measure(workers, {"secure": secure, "ca": encrypted.ca})
        finally:
            workers.close()
    print(plain(rows))
    if not QUICK:
        without.write(rows)


def main() -> None:
    """Never fails on a timing: a contender that does not work is reported and its rows are n/a."""
    start = time.monotonic()
    encrypted = Server("tls")
    with Server() as url, encrypted as secure:
        workers = Workers(url)
        try:
            results = measure(workers, everything(secure, encrypted.ca), start)
            progress("profile", start)
            profile = {} if QUICK else workers.call("profile", "layers", limit=120)
        finally:
            workers.close()
    print(plain(table(results)))
    for error in [*report.errors(results), *profile.get("errors", [])]:
        print(f"n/a: {error}")
    print(report.machine())
    print(f"{time.monotonic() - start:.0f} s, {report.save(results).relative_to(ROOT)}")
    if not QUICK:
        plots.draw(results, ROOT / "docs" / "images")
        report.rewrite(results, report.profiled(profile))


def before_and_now(other: Path) -> None:
    """What everything of ours cost in another folder's code, and costs in this one's."""
    print(*against.HEADINGS, sep=" | ")
    with Server() as url:
        for row in against.compare(url, other):
            print(*row, sep=" | ", flush=True)


def run(arguments: list[str]) -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks")
    parser.add_argument("--without", action="store_true")
    parser.add_argument("--against", type=Path, metavar="FOLDER")
    chosen = parser.parse_args(arguments)
    if chosen.against and not (chosen.against / "benchmarks" / "worker.py").is_file():
        parser.error(f"{chosen.against} is no work tree of this project.")
    if chosen.against:
        before_and_now(chosen.against.resolve())
    else:
        (seams if chosen.without else main)()


if __name__ == "__main__":
    run(sys.argv[1:])
