"""Errors that explain themselves, for any Flask application on PostgreSQL."""

from flask import Flask


class Doctor:
    """The extension: explains known errors on tracebacks, in the log, on pages and by command."""

    def init_app(self, app: Flask) -> None:
        """Explain what goes wrong in this application."""
        from . import notes, page
        from .cli import doctor

        notes.install()
        page.init_app(app)
        app.cli.add_command(doctor)
