"""A case: the error's surroundings that a rule may look at, and the facts that are known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from . import libpq
from .catalogue import Entry
from .diagnosis import command_facts, server_facts
from .migrations import tool_of
from .state import State, current_state

Found = tuple[str, dict[str, str]]
"""The id of an entry, and the facts of the case."""
NOTHING: Found = ("", {})
"""That no entry explains it, whatever its words are."""


@dataclass(frozen=True)
class Case:
    """Where an error happened. With `probe`, a rule may ask the server, for up to some seconds."""

    state: State | None
    engine: Engine | None
    connection: Any  # the driver's, where one stands
    entries: Mapping[str, Entry]
    probe: bool
    # What the words of an error say, once they were looked up: several rules begin with them.
    words: dict[tuple[type, str], Found | None] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the engine connects with; nothing where it has a connector of its own."""
        return parameters_of(self.engine, self.state)


def parameters_of(engine: Engine | None, state: State | None) -> dict[str, Any]:
    """Return what an engine connects with; nothing where it has a connector of its own."""
    if engine is None:
        return {}
    if state is not None:
        return state.parameters.get(engine, {})
    return dict(engine.dialect.create_connect_args(engine.url)[1])


def facts_of(state: State | None, engine: Engine | None) -> dict[str, str]:
    """Return what the texts are filled with: the commands of this set-up, the engine's server."""
    tool = tool_of(state)
    facts = command_facts(tool.commands if tool else {})
    lone = state is not None and "sqlalchemy" not in state.app.extensions
    if lone:
        facts["session"] = "session"
    if engine is None and state is not None and (lone or current_state() is state):
        engine = state.engine
    if engine is None:
        return facts
    own = libpq.effective(parameters_of(engine, state))
    role, database = engine.url.username, engine.url.database
    return facts | server_facts(
        own.get("host", "").partition(",")[0],
        own.get("port", "").partition(",")[0] or ("5432" if own else ""),
        own.get("user") or role or "",
        own.get("dbname") or database or "",
    )


def connection_facts(connection: Any) -> dict[str, str]:
    """Return the same of a driver's connection, which knows where an own connector has led."""
    if connection is None or connection.closed:
        return {}
    info = connection.info
    return server_facts(info.host, str(info.port), info.user, info.dbname)


def reached(connection: Any) -> str:
    """Say what a driver's open connection rules out, in a sentence; nothing without one."""
    if connection is None or connection.closed:
        return ""
    info = connection.info
    version = info.server_version
    return (
        f"{info.host}:{info.port} is reached, it is PostgreSQL {version // 10000}.{version % 10000}"
        f", role {info.user} logs in, and database {info.dbname} exists."
    )
