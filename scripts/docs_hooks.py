"""MkDocs hooks: a page put into a folder of docs/ appears in the navigation, a decision in the list of decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

#: Folder and heading, in reading order (the four kinds of diataxis.fr, the guides to accounts, the decisions).
SECTIONS = (
    ("tutorial", "Start"),
    ("multiuser", "Multi-User Mode"),
    ("howto", "How to"),
    ("reference", "Reference"),
    ("explanation", "Background"),
    ("adr", "Decisions"),
)
#: Pages that open their section.
FIRST = frozenset({"index.md", "getting-started.md", "user_guide.md"})
DECISIONS_MARK = "<!-- decisions -->"


def on_config(config: Any) -> Any:
    """Build the navigation from the folders: `index.md` and `getting-started.md` first, then by file name."""
    docs = Path(config["docs_dir"])
    navigation: list[Any] = [{"Invoke Host": "index.md"}]
    for folder, heading in SECTIONS:
        pages = sorted((docs / folder).rglob("*.md"), key=lambda page: (page.name not in FIRST, page))
        if pages:
            navigation.append({heading: [page.relative_to(docs).as_posix() for page in pages]})
    config["nav"] = navigation
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Put the list of decisions where a page has the mark for it."""
    if DECISIONS_MARK not in markdown:
        return markdown
    lines = []
    for decision in sorted(Path(config["docs_dir"], "adr").glob("[0-9]*.md")):
        title = decision.read_text().splitlines()[0].lstrip("# ")
        lines.append(f"* [{title}]({decision.name})")
    return markdown.replace(DECISIONS_MARK, "\n".join(lines))
