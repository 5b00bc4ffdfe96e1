"""Leaves out of other files than Python's what names certain things."""

import re
from collections.abc import Sequence
from pathlib import PurePath

from .python import pattern

OPENS = re.compile(r"\{%-? *(block|if|for)\b")
CLOSES = re.compile(r"\{%-? *end(block|if|for)\b")


def without(path: PurePath, text: str, words: Sequence[str]) -> str:
    """Return the text without the lines, or what else is one thing there, that have these words.

    That is a paragraph of Markdown, a block of a template, and a rule of a Makefile.
    """
    named = pattern(words)
    if path.suffix == ".md":
        return _without_paragraphs(text, named)
    lines = text.splitlines(keepends=True)
    kept: list[str] = []
    while lines:
        size = 1
        if named.search(lines[0]):
            if path.suffix == ".html":
                size = _block(lines)
            elif path.name == "Makefile":
                size = _rule(lines)
            while kept and kept[-1].startswith("#") and not named.search(kept[-1]):
                kept.pop()  # the comment on what goes
            if kept and kept[-1] == "\n" and lines[size : size + 1] == ["\n"]:
                size += 1
        else:
            kept.append(lines[0])
        lines = lines[size:]
    return "".join(kept)


def _block(lines: Sequence[str]) -> int:
    """Return how many lines the template's block has that begins here."""
    depth = 0
    for number, line in enumerate(lines, 1):
        depth += len(OPENS.findall(line)) - len(CLOSES.findall(line))
        if depth <= 0:
            return number
    return len(lines)


def _rule(lines: Sequence[str]) -> int:
    """Return how many lines the Makefile's rule has that begins here."""
    return next(
        (number for number, line in enumerate(lines[1:], 1) if not line.startswith("\t")),
        len(lines),
    )


def _without_paragraphs(text: str, named: re.Pattern[str]) -> str:
    """Leave out paragraphs, rows of tables, and headings below which nothing is left."""
    kept: list[str] = []
    for paragraph in [*re.split(r"\n\n+", text.strip()), "# "]:
        if paragraph.startswith(("|", "- ")):
            lines = [line for line in paragraph.split("\n") if not named.search(line)]
            paragraph = "\n".join(lines)
        elif named.search(paragraph) and not paragraph.startswith("#"):
            continue
        if paragraph.startswith("#") and kept[-1:] and kept[-1].startswith("## "):
            kept.pop()
        kept.append(paragraph)
    return "\n\n".join(kept[:-1]) + "\n"
