"""docs/errors.md, written from the catalogue: `python -m flask_doctor.document FILE`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .catalogue import THEMES, Entry
from .diagnosis import VERBATIM, Diagnosis

HEAD = """\
# Known errors

Generated from Flask-Doctor's catalogue by `python -m flask_doctor.document FILE`: don't edit it
here. `flask doctor` finds out which of these errors you have, and fills in your own names. Here,
capitals such as `HOST` or `DATABASE` stand for these names, and `…` for what varies.
"""


def document() -> str:
    """Return the whole page, in Markdown."""
    lines = [HEAD]
    for theme, entries in THEMES.items():
        lines += [f"- {theme}: " + ", ".join(f"[{e.id}](#{e.id})" for e in entries)]
    for theme, entries in THEMES.items():
        lines += ["", f"## {theme}"]
        for entry in entries:
            lines += ["", *_section(entry)]
    return "\n".join(lines) + "\n"


def _section(entry: Entry) -> Iterator[str]:
    diagnosis = Diagnosis(entry)
    yield f"### {entry.id}"
    yield ""
    yield f"{diagnosis.title}."
    if entry.messages:
        messages = [re.sub(r"\{\w+\}", "…", message) for message in entry.messages]
        yield from ["", "```text", *messages, "```"]
    if diagnosis.why:
        yield from ["", f"**Why.** {diagnosis.why}"]
    yield from ["", "**Fix.**", ""]
    for number, (first, *rest) in enumerate(diagnosis.steps, 1):
        sentence = [] if first.startswith(VERBATIM) else [first]
        code = rest if sentence else [first, *rest]
        yield from [f"{number}. {line}" for line in sentence]
        if code:
            language = "sh" if code[0].startswith("$ ") else "diff"
            indent = "   " if sentence else ""
            lines = ["```" + language, *(line.removeprefix("$ ") for line in code), "```", ""]
            yield from ["", *(f"{indent}{line}" if line else "" for line in lines)]
    if entry.action:
        yield from ["", f"Or let the doctor do it: `flask doctor --fix {entry.action}`."]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
