"""The picture of the rooms in docs/architecture.md, drawn from the import contract.

``python -m tests.docs.rooms`` writes it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "architecture.md"
BEGIN = "<!-- drawn by python -m tests.docs.rooms -->\n"
END = "<!-- end of the picture -->\n"


def layers() -> list[list[str]]:
    """Return the layers of the import contract, highest first, each with its rooms."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [
        contract
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    return [[room.strip() for room in layer.split("|")] for layer in contract["layers"]]


def picture(found: Sequence[Sequence[str]]) -> str:
    """Return the layers as a Mermaid flowchart in a code block."""
    lines = ["```mermaid", "flowchart TB"]
    for number, rooms in enumerate(found):
        lines += [f'  subgraph layer{number}[" "]', "    direction LR"]
        lines += [f"    {room}" for room in rooms]
        lines.append("  end")
    lines += [f"  layer{number} --> layer{number + 1}" for number in range(len(found) - 1)]
    return "\n".join([*lines, "```", ""])


def with_picture(page: str) -> str:
    """Return the page with the current picture between its markers."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{picture(layers())}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
