"""The rules that take an error apart where its message or its SQLSTATE alone isn't enough.

Each is a function of the error and the case. It returns the id of an entry and the facts that fill
its texts; None where it has nothing to say, so that the next is asked; `NOTHING` where it knows
that no entry is true.
"""

from collections.abc import Callable

from ..case import Case, Found
from ..matching import by_sqlstate, by_text
from .attributes import attributes
from .connecting import lost, read_only, refused
from .databases import encoding as database_encoding
from .env_file import unreadable
from .existing import enum_value
from .functions import functions
from .imported import from_module, imported
from .loading import module, shadowed, unfound
from .mapping import mapping
from .migrating import migrating
from .names import names
from .privileges import privileges
from .revisions import in_environment, in_files, in_order, no_command, of_folder
from .sessions import aborted, forked, homonyms, objects, pending
from .settings import driver, malformed, parameter, parts, unset, url
from .syntax import syntax
from .values import adapting, encoding, listed, numpy, times, value
from .violations import unsaid, violation

RULES: tuple[Callable[[BaseException, Case], Found | None], ...] = (
    unsaid,
    forked,
    lost,
    parameter,
    parts,
    refused,
    read_only,
    database_encoding,
    driver,
    unreadable,
    url,
    malformed,
    unset,
    unfound,
    shadowed,
    imported,
    from_module,
    migrating,
    in_files,
    in_order,
    no_command,
    of_folder,
    enum_value,
    numpy,
    listed,
    names,
    privileges,
    functions,
    syntax,
    attributes,
    violation,
    value,
    adapting,
    encoding,
    times,
    aborted,
    pending,
    objects,
    homonyms,
    mapping,
    by_sqlstate,
    by_text,
    in_environment,
    module,
)
