"""The rules that take an error apart where its message or its SQLSTATE alone isn't enough.

Each is a function of the error and the case. It returns the id of an entry and the facts that fill
its texts; None where it has nothing to say, so that the next is asked; `NOTHING` where it knows
that no entry is true.
"""

from collections.abc import Callable

from ..case import Case, Found
from ..matching import by_sqlstate, by_text
from .connecting import lost, read_only, refused
from .databases import encoding
from .settings import driver, url

RULES: tuple[Callable[[BaseException, Case], Found | None], ...] = (
    lost,
    refused,
    read_only,
    encoding,
    driver,
    url,
    by_sqlstate,
    by_text,
)
