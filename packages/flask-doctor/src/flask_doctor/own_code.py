"""Where in the user's own code an error comes from."""

import linecache
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from traceback import walk_stack, walk_tb
from types import CodeType

from sqlalchemy import Engine, MetaData

from .diagnosis import masked

# What a password is called, and one that is written down in the code.
CREDENTIAL = r"(?i)((?:pass(?:word|wd)?|pwd|secret(?:_key)?|token)[\"']?\s*"
WRITTEN = re.compile(rf"""{CREDENTIAL}[=:]?\s*)("[^"]+"|'[^']+')""")
# Packages, the standard library, the doctor itself, and Python's own frozen modules.
NOT_THE_USERS = (
    *{sysconfig.get_paths()[name] for name in ("purelib", "platlib", "stdlib")},
    str(Path(__file__).parent),
    "<",
)


def own_line(error: BaseException) -> str:
    """Return the last line of the user's own code on the way to an error: `app.py, line 12: ...`.

    An error that is still being raised has only a part of its traceback: its callers are looked at
    after that. Empty where no line is the user's.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{os.path.relpath(error.filename)}, line {error.lineno}"
    last = None
    for code, number in frames(error):
        if not is_foreign(code.co_filename):
            last = code.co_filename, number
    return place(*last) if last else ""


def frames(error: BaseException) -> Iterator[tuple[CodeType, int]]:
    """Yield the code and the line of each call on the way to an error, the outermost first."""
    _, *callers = walk_stack(sys._getframe())
    for frame, number in (*reversed(callers), *walk_tb(error.__traceback__)):
        yield frame.f_code, number


def place(filename: str, number: int) -> str:
    """Return a line as it is told to the user."""
    text = WRITTEN.sub(r"\1'***'", masked(linecache.getline(filename, number).strip()))
    return f"{os.path.relpath(filename)}, line {number}" + (text and f": {text}")


def raised_in(error: BaseException) -> str:
    """Return the file whose code raised an error; nothing for one that was never raised."""
    *_, last = "", *(frame.f_code.co_filename for frame, _ in walk_tb(error.__traceback__))
    return last


def is_foreign(filename: str) -> bool:
    """Tell whether a file is none of the user's."""
    if filename.startswith(NOT_THE_USERS) or f"{os.sep}bin{os.sep}" in filename:
        return True
    # Compiled modules name a source that isn't there: `lib/sqlalchemy/engine/_row_cy.py`.
    return not os.path.isabs(filename) and not os.path.exists(filename)


def is_within(error: BaseException, folder: str) -> bool:
    """Tell whether an error comes from code in a package's folder, as `alembic/runtime`."""
    part = f"{os.sep}{folder.replace('/', os.sep)}{os.sep}"
    return any(part in code.co_filename for code, _ in frames(error))


def own_engines() -> tuple[dict[str, Engine], MetaData | None]:
    """Return the engines and the models' metadata that the user's own modules hold."""
    values = [
        value
        for module in [*sys.modules.values()]
        if (file := getattr(module, "__file__", None)) and not is_foreign(file)
        for value in [*vars(module).values()]
    ]
    engines = list(dict.fromkeys(value for value in values if isinstance(value, Engine)))
    held = (getattr(value, "metadata", None) for value in values if isinstance(value, type))
    found = [metadata for metadata in held if isinstance(metadata, MetaData) and metadata.tables]
    named = {str(n) if n else "default": engine for n, engine in enumerate(engines)}
    return named, found[0] if found else None
