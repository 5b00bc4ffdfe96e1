"""The columns of a station, listed once for the SQL, JSON, CSV and the API's documentation."""

from datetime import datetime
from typing import NamedTuple


class Column(NamedTuple):
    """A column that every read returns."""

    name: str
    type: type
    nullable: bool = False


COLUMNS = (
    Column("id", int),
    Column("source", str),
    Column("code", str),
    Column("name", str),
    Column("lat", float),
    Column("lng", float),
    Column("properties", dict),
    Column("created_at", datetime),
    Column("updated_at", datetime),
)

COLUMN_NAMES = [column.name for column in COLUMNS]

# Reads only send properties and times on, so both are text: properties in JSON, times as in JSON
# (RFC 3339) in UTC. Python's objects would take a third of the time of a page.
AS_TEXT = {dict: "{}::text", datetime: "replace({} AT TIME ZONE 'UTC' || '+00:00', ' ', 'T')"}

SELECT_LIST = ", ".join(
    f"{AS_TEXT.get(type_, '{}').format(f'stations.{name}')} AS {name}" for name, type_, _ in COLUMNS
)

# The order of names: in any case, and letters with accents after those without. A collation of a
# language would be nicer, but servers don't have the same ones, and an update of a system's library
# would break an index on one. The start of a name is enough, and fits into a URL.
NAME_START = 60  # characters
NAME_ORDER = f'lower(normalize(left(name, {NAME_START}), NFD) COLLATE "C")'
