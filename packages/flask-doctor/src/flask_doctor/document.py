"""docs/errors.md, written from the catalogue: `python -m flask_doctor.document FILE`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .catalogue import THEMES, Entry
from .diagnosis import Diagnosis

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
        yield from ["", "```text", *entry.messages, "```"]
    if diagnosis.why:
        yield from ["", f"**Why.** {diagnosis.why}"]
    yield from ["", "**Fix.**", ""]
    is_code = False
    for line in diagnosis.fix:
        command = re.sub(r"^\$ ", "", line)
        if (command != line) is not is_code:
            yield from ["", "```sh"] if not is_code else ["```", ""]
            is_code = not is_code
        yield command
    if is_code:
        yield "```"
    if entry.action:
        yield from ["", f"Or let the doctor do it: `flask doctor --fix {entry.action}`."]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(document(), encoding="utf-8")
