"""Errors that explain themselves, for any Flask application on PostgreSQL."""

from typing import TYPE_CHECKING

from flask import Flask

from . import uncaught
from .catalogue import Action, Entry

if TYPE_CHECKING:  # SQLAlchemy is loaded where it is needed: each `flask` command loads this
    from sqlalchemy import Engine, MetaData

__all__ = ["Action", "Doctor", "Entry"]

uncaught.watch()  # from here on: an application can fail before it has made a Doctor


class Doctor:
    """The extension: explains errors on tracebacks, in the log, on pages, and by `flask doctor`.

    With Flask-SQLAlchemy or Flask-SQLAlchemy-Lite it finds the engines and the models by itself.
    With plain SQLAlchemy you name them: `engine`, one or several by their names, and the `metadata`
    of the models.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        engine: "Engine | dict[str, Engine] | None" = None,
        metadata: "MetaData | None" = None,
    ) -> None:
        self.engines = (
            dict(engine) if isinstance(engine, dict) else {"default": engine} if engine else {}
        )
        self.metadata = metadata
        self.registered: list[Entry | Action] = []
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Explain this application's errors; its state is `app.extensions["doctor"]`."""
        from . import notes, page
        from .actions import ACTIONS
        from .state import State

        state = State(app, self.engines, self.metadata, self.registered, ACTIONS)
        app.extensions["doctor"] = state
        notes.init_app(app)
        page.init_app(app)

    def register(self, *additions: Entry | Action) -> None:
        """Add entries to the catalogue, and actions that entries name.

        An entry with an id of the catalogue takes that one's place.
        """
        self.registered.extend(additions)
