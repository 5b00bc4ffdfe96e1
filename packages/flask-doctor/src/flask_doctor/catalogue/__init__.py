"""The known errors, as data: all that the doctor says is written here."""

from . import code, connection, schema, server, settings
from .entry import Action, Entry

THEMES = {
    "Settings": settings.ENTRIES,
    "Connection": connection.ENTRIES,
    "Server": server.ENTRIES,
    "Schema and migrations": schema.ENTRIES,
    "Code": code.ENTRIES,
}
ENTRIES = {entry.id: entry for entries in THEMES.values() for entry in entries}

__all__ = ["ENTRIES", "THEMES", "Action", "Entry"]
