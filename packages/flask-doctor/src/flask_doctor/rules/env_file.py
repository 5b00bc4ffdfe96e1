"""A file `.env` that can't be read, or a line of it."""

import io
import json
import os
from pathlib import Path

from ..case import Case, Found
from ..folder import settings_file
from ..own_code import is_within


def unreadable(error: BaseException, case: Case) -> Found | None:
    """Explain that python-dotenv can't read the file."""
    file = settings_file()
    if file and isinstance(error, ValueError) and is_within(error, "dotenv"):
        return flaw(file)
    return None


def flaw(file: Path) -> Found | None:
    """Return what is wrong with the file: its encoding, or a line."""
    from dotenv.parser import parse_stream

    content, name = file.read_bytes(), os.path.relpath(file)
    facts = {"file": name, "line": "1"}
    encoding = json.detect_encoding(content)
    if not encoding.startswith("utf-8"):
        return "env-file-encoding", facts | {"encoding": encoding}
    try:
        bindings = list(parse_stream(io.StringIO(content.decode())))
    except UnicodeDecodeError as error:
        line = str(content[: error.start].count(b"\n") + 1)
        return "env-file-encoding", facts | {"line": line, "encoding": "latin-1"}
    for binding in bindings:
        if binding.error:
            return "env-file-unreadable", {"file": name, "line": str(binding.original.line)}
    return None
