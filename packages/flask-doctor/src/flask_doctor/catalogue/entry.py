"""What the catalogue says of one error, and the safe actions that it names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flask import Flask


@dataclass(frozen=True)
class Entry:
    """A known error; `{host}`, `{role}`... in its texts are filled with the facts of a case.

    `messages` are raw messages: `…` is what varies, `{name}` what becomes the fact of that name. A
    line of `fix` is a sentence, a command (`$ ...`), an edit (`- before`, `+ after`), or a
    statement for the server's administrator (`postgres=# ...`, or `{database}=# ...` where it must
    run in the application's database).
    """

    id: str
    title: str
    why: str
    fix: tuple[str, ...]
    messages: tuple[str, ...] = ()
    # Any of these classes, by name, and any of the messages; or any of these SQLSTATEs, of which
    # two letters are a whole class.
    exceptions: tuple[str, ...] = ()
    sqlstates: tuple[str, ...] = ()
    # What the statement that failed must begin with (a regular expression).
    statement: str = ""
    # That the SQLSTATE has several meanings, of which this is one: a message must be there as well.
    strict: bool = False
    # A change of the user's own line, as `- {before}` and `+ {after}`: a regular expression, and
    # what takes its place.
    line: tuple[str, ...] = ()
    # What the texts say where a fact isn't known.
    defaults: Mapping[str, str] = field(default_factory=dict, hash=False)
    # The name of the safe action that fixes it.
    action: str | None = None


@dataclass(frozen=True)
class Action:
    """A fix that can lose nothing: its name, its button's label, and what it does."""

    name: str
    label: str
    run: Callable[[Flask], None]
