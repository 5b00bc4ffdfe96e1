"""What the catalogue says of one error."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A known error; `{host}`, `{role}`... in its texts are filled with the facts of a case.

    `messages` are raw messages, `…` standing for what varies. Each line of `fix` is a sentence, a
    command (`$ ...`), or a statement for the server's administrator (`postgres=# ...`, or
    `{database}=# ...` where it must run in the application's database).
    """

    id: str
    title: str
    why: str
    fix: tuple[str, ...]
    messages: tuple[str, ...] = ()
    # Any of these classes, by name, and any of the messages; or any of these SQLSTATEs.
    exceptions: tuple[str, ...] = ()
    sqlstates: tuple[str, ...] = ()
    # What the statement that failed must begin with (a regular expression).
    statement: str = ""
    # The safe action that cures it: `create-database` or `upgrade`.
    action: str | None = None
    # Whether the same request can succeed later, so that production answers 503 and not 500.
    temporary: bool = False
