"""Hooks of mkdocs: what the site has besides the files in docs/.

README.md becomes the first page. Files outside docs/ that a page links to are copied, and links are
written for their places on the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PLACES = {"README.md": "index.md"}
"""Where a file of the root has another name on the site."""
LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root, the list of decisions, and what they link to."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    roots = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE")]
    linked = {file for page in [*pages, *roots] for file in _links(page) if _is_outside(file)}
    for file in sorted({*roots, *linked}):
        files.append(_generated(config, file))
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    listed = "\n".join(f"- [{_title(page)}]({page.name})" for page in decisions)
    place = "decisions/index.md"
    files.append(File.generated(config, place, content=f"# Decisions\n\n{listed}\n"))
    shown = [*pages, *(file for file in sorted(linked) if file.suffix == ".md")]
    _complete(config, [_place(page) for page in shown], [f"decisions/{p.name}" for p in decisions])
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Write links to files outside docs/, and from there, for their places on the site."""
    source = _source(page.file.src_uri)
    here = posixpath.dirname(page.file.src_uri)

    def rewritten(link: re.Match[str]) -> str:
        target = (source.parent / link[2]).resolve()
        if not target.exists() or not target.is_relative_to(ROOT):
            return link[0]
        place = "decisions/index.md" if target.name == "decisions" else _place(target)
        return f"{link[1]}{posixpath.relpath(place, here or '.')}{link[3]}"

    if page.file.src_uri == "decisions/index.md":
        return markdown
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(rewritten, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(rewritten, markdown[end:])])


def _complete(config: MkDocsConfig, pages: list[str], decisions: list[str]) -> None:
    """Put the decisions into the navigation, and pages that it doesn't name under "More"."""
    nav: list[dict[str, list[str]]] = config.nav or []
    named = {page for section in nav for entries in section.values() for page in entries}
    for section in nav:
        if "Decisions" in section:
            section["Decisions"] = ["decisions/index.md", *decisions]
    for section in nav:
        for title, entries in section.items():
            section[title] = [one for one in entries if _source(one).exists() or "index" in one]
    more = [page for page in dict.fromkeys(pages) if page not in named and page not in decisions]
    if more:
        nav.insert(len(nav) - 1, {"More": more})


def _generated(config: MkDocsConfig, file: Path) -> File:
    if file.suffix == ".md":
        return File.generated(config, _place(file), content=file.read_text(encoding="utf-8"))
    return File.generated(config, _place(file), abs_src_path=str(file))


def _links(page: Path) -> set[Path]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = {(page.parent / link[2]).resolve() for link in LINK.finditer(text)}
    return {target for target in targets if target.is_file()}


def _is_outside(file: Path) -> bool:
    return file.is_relative_to(ROOT) and not file.is_relative_to(ROOT / "docs")


def _place(file: Path) -> str:
    """Return where a file of the repository is on the site."""
    name = file.relative_to(ROOT).as_posix()
    return PLACES.get(name, name.removeprefix("docs/"))


def _source(place: str) -> Path:
    """Return the file of the repository that is at a place of the site."""
    names = {site: name for name, site in PLACES.items()}
    outside = ROOT / names.get(place, place)
    return outside if outside.exists() else ROOT / "docs" / place


def _title(page: Path) -> str:
    first = page.read_text(encoding="utf-8").splitlines()[0]
    return first.removeprefix("# ")
