"""A file `.env` that can't be read, or a line of it."""

import codecs
import io
import os
from pathlib import Path

from ..case import Case, Found
from ..folder import settings_file
from ..own_code import is_within

NOT_UTF8 = (
    "Flask reads it as UTF-8, and it was saved in another encoding, as PowerShell and older "
    "editors of Windows do."
)
BYTE_ORDER_MARKS = {  # the longer ones first, as they begin like the others
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


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
    facts = {"file": name, "line": "1", "detail": NOT_UTF8}
    if encoding := _wide(content):
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


def _wide(content: bytes) -> str:
    """Return the encoding of a text that has several bytes for each letter, or nothing."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return encoding
    if b"\0" not in content:
        return ""
    width = 32 if b"\0\0\0" in content else 16
    return f"utf-{width}-" + ("be" if content.startswith(b"\0") else "le")
