"""Run the attacks against several memory layers, each in an environment of its own.

    python leakbench/run.py --systems discreet_sql,mem0,langgraph_store --envs /tmp/leakbench

prints a table in markdown (``NAME@PACKAGE==VERSION`` tries another version); ``--json FILE`` keeps
what was seen, with the exact calls.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "discreet_sql": (),
    "discreet_rest": (),
    "discreet_mcp": (),
    "mem0": ("mem0ai", "qdrant-client"),
    "langgraph_store": ("langgraph", "langgraph-checkpoint-sqlite"),
    "langmem": ("langmem",),
    "agno": ("agno", "sqlalchemy[asyncio]"),
    "praisonai": ("praisonaiagents",),
    "nanobot": ("nanobot-ai",),
    "hermes": ("hermes-agent",),
}
"""What each is installed with; nothing: it runs in this environment."""
SECONDS = 600


def main() -> int:
    """Return 1 if a system could not be run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--systems", default=",".join(REQUIREMENTS))
    parser.add_argument("--envs", type=Path, default=Path("/tmp/leakbench"))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results, failed = [], 0
    for name in given.systems.split(","):
        try:
            results.append(probe(name, python_for(name, given.envs)))
        except (subprocess.SubprocessError, ValueError) as error:
            failed = 1
            print(f"{name} could not be run: {error}", file=sys.stderr)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(table(results))
    return failed


def python_for(name: str, envs: Path) -> str:
    """Return the Python of an environment with the system installed.

    ``NAME@REQUIREMENT`` installs that too, to try an older version.
    """
    module, _, pinned = name.partition("@")
    needed = (*REQUIREMENTS[module], *([pinned] if pinned else []))
    if not needed:
        return sys.executable
    folder = envs / name.replace("=", "-")
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *needed], check=True)
    return str(python)


def probe(name: str, python: str) -> dict[str, Any]:
    """Return what was seen of one system."""
    done = subprocess.run(
        [python, str(HERE / "probe.py"), name.partition("@")[0]],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode:
        raise ValueError(
            done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cell(result: dict[str, Any], at: int) -> str:
    outcome = result["outcomes"][at]
    if outcome["family"].startswith("control"):
        words = {"leaked": "works", "not offered": "not offered"}
        return words.get(outcome["fate"], "does not work")
    if outcome["fate"] == "leaked":
        return "shared, as it says" if result["shared"] else "**leaked**"
    return str(outcome["fate"])


def _title(result: dict[str, Any]) -> str:
    return f"{result['system']} {next(iter(result['versions'].values()), '')}".strip()


def table(results: list[dict[str, Any]]) -> str:
    """Return the results as markdown: one row for each family, and the calls that leaked."""
    families = [one["family"] for one in results[0]["outcomes"]] if results else []
    lines = [
        f"| | {' | '.join(map(_title, results))} |",
        "| --- " * (len(results) + 1) + "|",
    ]
    for at, family in enumerate(families):
        cells = [_cell(one, at) for one in results]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    lines.append("")
    for one in results:
        versions = ", ".join(f"{name} {number}" for name, number in one["versions"].items())
        lines.append(f"**{_title(one)}** ({versions}). {one['says']}")
        leaked = [
            o for o in one["outcomes"] if o["fate"] == "leaked" and "control" not in o["family"]
        ]
        lines += [f"- {o['family']}: `{o['call']}`" for o in leaked]
        errors = [o for o in one["outcomes"] if o["fate"] == "error"]
        lines += [f"- {o['family']}: could not be tried ({o['detail']})" for o in errors]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
