"""Errors that explain themselves. Its only hold on an application is `init_app`."""

from flask import Flask


def init_app(app: Flask) -> None:
    """Explain known errors on tracebacks, in the log, by `flask doctor` and on error pages."""
    from . import notes, page
    from .cli import doctor

    notes.install()
    page.init_app(app)
    app.cli.add_command(doctor)
