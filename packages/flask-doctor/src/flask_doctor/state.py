"""What the doctor knows of one application."""

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import cache
from importlib.metadata import entry_points
from typing import Any
from weakref import WeakKeyDictionary

from flask import Flask, current_app
from sqlalchemy import Engine, MetaData, Table

from . import catalogue
from .catalogue import Action, Entry

log = logging.getLogger(__name__)

GROUP = "flask_doctor.entries"

patience: ContextVar[int | None] = ContextVar("patience", default=None)
"""How many seconds an engine without a limit of its own may take to connect; None for no limit."""


class State:
    """One application's engines, models and catalogue; it lies in `app.extensions["doctor"]`."""

    def __init__(
        self,
        app: Flask,
        engines: Mapping[str, Engine],
        metadata: MetaData | None,
        registered: Iterable[Entry | Action],
        actions: Iterable[Action],
    ) -> None:
        self.app = app
        self.given_engines = engines
        self.given_metadata = metadata
        self.registered = registered
        self.own_actions = actions
        # What each engine last connected with; nothing of an engine with a connector of its own.
        self.parameters: WeakKeyDictionary[Engine, dict[str, Any]] = WeakKeyDictionary()
        # The last error of each driver's connection that had another cause than an earlier error,
        # and the user's line of it.
        self.first_errors: WeakKeyDictionary[Any, tuple[str, str]] = WeakKeyDictionary()

    @property
    def entries(self) -> dict[str, Entry]:
        """The catalogue by id; what the application and other packages add comes first."""
        return known_entries(self.registered)

    @property
    def actions(self) -> dict[str, Action]:
        """The safe actions by name."""
        actions: dict[str, Action] = {}
        for item in (*self.registered, *_plugged_in(), *self.own_actions):
            if isinstance(item, Action):
                actions.setdefault(item.name, item)
        return actions

    def engines(self) -> dict[str, Engine]:
        """Return the engines by name, `default` first; needs the application's context."""
        engines = dict(self.given_engines)
        extension = self.app.extensions.get("sqlalchemy")
        if extension is not None:
            engines |= {name or "default": engine for name, engine in extension.engines.items()}
        return dict(sorted(engines.items(), key=lambda item: item[0] != "default"))

    @property
    def engine(self) -> Engine | None:
        """The engine that the models use."""
        return next(iter(self.engines().values()), None)

    @property
    def metadata(self) -> MetaData | None:
        """The metadata of the models, None where nothing tells."""
        if self.given_metadata is not None:
            return self.given_metadata
        found = getattr(self.app.extensions.get("sqlalchemy"), "metadata", None)
        if found is None and "alembic" in self.app.extensions:  # Flask-Alembic
            found = self.app.extensions["alembic"].metadatas.get("default")
        return found if isinstance(found, MetaData) else None

    @property
    def tables(self) -> list[Table]:
        """The tables of the models."""
        return [*self.metadata.tables.values()] if self.metadata is not None else []


def state_of(app: Flask) -> State:
    """Return the state of an application that a Doctor was bound to."""
    state: State = app.extensions["doctor"]
    return state


def current_state() -> State | None:
    """Return the current application's state, None where there is no application or no doctor."""
    return current_app.extensions.get("doctor") if current_app else None


@cache
def _plugged_in() -> tuple[Entry | Action, ...]:
    """Load what installed packages add: each entry point is a sequence of entries and actions."""
    found: list[Entry | Action] = []
    for point in entry_points(group=GROUP):
        try:
            found.extend(point.load())
        except Exception:  # another package's mistake keeps nobody from the rest
            log.warning("the entries of %s can't be loaded", point.value, exc_info=True)
    return tuple(found)


def known_entries(registered: Iterable[Entry | Action] = ()) -> dict[str, Entry]:
    """Return the catalogue by id: what is registered, what packages add, what the doctor brings."""
    entries: dict[str, Entry] = {}
    for item in (*registered, *_plugged_in(), *catalogue.ENTRIES.values()):
        if isinstance(item, Entry):
            entries.setdefault(item.id, item)
    return entries
