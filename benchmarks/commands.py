"""Import and export as complete commands, compared with a COPY of the same rows."""

import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import click
import psutil
import psycopg2

from .server import ROOT

LOOK = 0.05  # seconds from one look at a command's memory to the next
COLUMNS = "source, code, name, lat, lng, properties"


class Run(NamedTuple):
    """The seconds that a command took, and its maximum memory in megabytes."""

    seconds: float
    megabytes: float


def stations(*arguments: str) -> Run:
    """Run `flask stations` with these arguments. Raises ClickException if it fails."""
    start = time.perf_counter()
    process = psutil.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "stations", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    memory = 0  # not what wait4 tells: that is at least the memory of who started the process
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):
            memory = max(memory, process.memory_info().rss)
        with suppress(psutil.TimeoutExpired):
            process.wait(LOOK)
    if process.returncode:
        raise click.ClickException(f"flask stations {' '.join(arguments)} failed")
    return Run(time.perf_counter() - start, memory / 1e6)


def copy_out(source: str, file: Path, order: str = "id") -> float:
    """Copy the rows of a source to a file, and return the seconds that COPY took."""
    with (
        closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection,
        file.open("wb") as output,
    ):
        cursor = connection.cursor()
        query = f"SELECT {COLUMNS} FROM stations WHERE source = %s ORDER BY {order}"
        rows = cursor.mogrify(query, [source]).decode()
        start = time.perf_counter()
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT", output)
        return time.perf_counter() - start


def copies_in(files: list[Path]) -> list[float]:
    """Copy files of rows into a table, and return the seconds that COPY took for each.

    The table is empty at first, and has the same indexes and constraints as `stations`.
    """
    found = []
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE copied (LIKE stations INCLUDING ALL)")
        for file in files:
            start = time.perf_counter()
            with file.open("rb") as rows:
                cursor.copy_expert(f"COPY copied ({COLUMNS}) FROM STDIN", rows)
            found.append(time.perf_counter() - start)
    return found
