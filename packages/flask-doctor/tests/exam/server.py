"""A PostgreSQL server that breaks may do anything to."""

from pathlib import Path
from typing import Any

import psycopg2
from clusters import SYSTEM_USER, Cluster

HBA = """
host all all 127.0.0.1/32 scram-sha-256
local all all scram-sha-256
"""


class Server:
    """A cluster that one worker has to itself, with the template databases in it."""

    def __init__(self, binaries: Path) -> None:
        self.cluster = Cluster(binaries)
        self.cluster.make()
        self.cluster.configure("max_connections = 20\nautovacuum = off", HBA)
        self.cluster.start()
        self.kept = {
            name: (self.cluster.data / name).read_text()
            for name in ("postgresql.conf", "pg_hba.conf")
        }
        self.templates: set[str] = set()
        self.number = 0
        self.cluster.execute("CREATE ROLE made LOGIN PASSWORD 'made' CREATEDB")
        (self.cluster.folder / "start.sh").write_text(self._start_script())

    def _start_script(self) -> str:
        own = self.cluster
        start = (
            f"cd {own.folder} && {own.binaries}/pg_ctl -D {own.data} -l {own.folder}/log -w -o "
            f"'-p {own.port} -k {own.folder} -c listen_addresses=127.0.0.1 -c fsync=off' start"
        )
        if SYSTEM_USER is None:
            return f"{start} >/dev/null 2>&1\n"
        return f'runuser -u {SYSTEM_USER} -- sh -c "{start}" >/dev/null 2>&1\n'

    def restore(self) -> None:
        """Undo what a break did to the server's files, and start it if it was stopped."""
        data, restart = self.cluster.data, False
        for name, content in self.kept.items():
            if (data / name).read_text() != content:
                (data / name).write_text(content)
                restart = True
        running = (data / "postmaster.pid").exists()
        if running and restart:
            self.cluster.stop()
        if restart or not running:
            self.cluster.start()

    def databases(self) -> set[str]:
        rows = query(
            self.cluster, "SELECT datname FROM pg_database WHERE datname !~ '^(tpl_|temp)'"
        )
        return {row[0] for row in rows} - {"postgres"}


def query(cluster: Cluster, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=cluster.port,
        user="postgres",
        dbname=database,
        connect_timeout=3,  # it may be frozen, and tables may be locked
        options="-c lock_timeout=500 -c statement_timeout=5000",
    )
    connection.autocommit = True
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()
