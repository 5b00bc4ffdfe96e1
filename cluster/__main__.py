"""Break the parts of a Patroni cluster under load, and show what clients notice."""

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import mkdtemp

from . import nginx
from .faults import FAULTS, Fault
from .gunicorn import ROOT, Service
from .leadership import Leadership
from .load import Load, Request, away
from .machines import PASSWORD, Machine
from .nodes import SUPERUSER_PASSWORD, Cluster, missing
from .processes import free_ports

LONGEST_WITHOUT_READS = 1.0  # seconds
LONGEST_WITHOUT_WRITES = 1.0  # seconds, in addition to those without a leader
HEAD = ["fault", "no leader", "no writes", "no reads", "failed writes", "failed reads"]
HEAD += ["longest request", "writes lost"]


def main() -> int:
    """Run the chosen faults. Return 1 if one of them misses the goals."""
    parser = argparse.ArgumentParser(prog="make cluster", description=__doc__)
    parser.add_argument(
        "words", nargs="*", help="run only the faults with one of these words in their names"
    )
    parser.add_argument(
        "--stations",
        type=int,
        default=10_000,
        help="how many stations the database has at the start",
    )
    arguments = parser.parse_args()
    words = arguments.words
    faults = {
        name: fault
        for name, fault in FAULTS.items()
        if not words or any(word in name for word in words)
    }
    if packages := missing():
        sys.exit(f"some programs are missing: apt-get install {' '.join(packages)}")
    folder = Path(mkdtemp(prefix="cluster-"))
    print(f"The logs are in {folder}.", flush=True)
    with ExitStack() as held:
        cluster = Cluster(folder, free_ports(8))
        held.callback(cluster.close)
        cluster.start()
        machines = [Machine(name, folder, free_ports(3), cluster.nodes) for name in "ab"]
        for machine in machines:
            held.callback(machine.close)
        token = prepare(cluster, machines[0], arguments.stations)
        for machine in machines:
            machine.service = held.enter_context(closing(Service(machine.settings, folder)))
        port = held.enter_context(
            nginx.running(folder, [machine.service.port for machine in machines])
        )
        load = Load(port, token)
        held.callback(load.stop)
        time.sleep(3)
        print(row(*HEAD), flush=True)
        print(row(*["---"] * len(HEAD)), flush=True)
        met = [run(name, fault, cluster, machines, folder, load) for name, fault in faults.items()]
    return 0 if all(met) else 1


FILL = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 'made', n, 'Station ' || n, asin(2 * random() - 1) * 180 / pi(), 360 * random() - 180
FROM generate_series(1, %s) AS n
"""


def prepare(cluster: Cluster, machine: Machine, stations: int) -> str:
    """Create the database with some stations, and return a token for writing."""
    leader = cluster.leader()
    with closing(leader.connect("postgres", SUPERUSER_PASSWORD, "postgres")) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE stationsapp LOGIN PASSWORD '{PASSWORD}'")
        cursor.execute("CREATE DATABASE stationsapp OWNER stationsapp")

    def flask(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "flask", *arguments],
            cwd=ROOT,
            env=os.environ | machine.settings | {"DATABASE_URL": machine.direct_url},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    flask("db", "prepare")
    with closing(leader.connect("stationsapp", PASSWORD, "stationsapp")) as connection:
        connection.cursor().execute(FILL, [stations])
        connection.commit()
    return flask("tokens", "create", "cluster").strip()


def run(
    name: str,
    fault: Fault,
    cluster: Cluster,
    machines: list[Machine],
    folder: Path,
    load: Load,
) -> bool:
    """Cause a fault, wait until the cluster is whole again, and print a row of the table."""
    start, leadership = time.monotonic(), Leadership(cluster)
    fault(cluster, machines, folder)
    time.sleep(5)
    cluster.until_whole()
    time.sleep(2)
    end, leaderless = time.monotonic(), leadership.stop()
    reads = [request for request in load.reads if start <= request.end <= end]
    writes = [request for request in load.writes if start <= request.end <= end]
    no_writes, no_reads = away(writes, start, end), away(reads, start, end)
    lost = {request.code for request in writes if request.is_good} - stored(cluster)
    print(
        row(
            name,
            f"{leaderless:.1f} s",
            f"{no_writes:.1f} s",
            f"{no_reads:.1f} s",
            failed(writes),
            failed(reads),
            f"{max(request.end - request.start for request in reads + writes):.1f} s",
            len(lost),
        ),
        flush=True,
    )
    return (
        not lost
        and no_reads <= LONGEST_WITHOUT_READS
        and no_writes <= leaderless + LONGEST_WITHOUT_WRITES
    )


def failed(requests: list[Request]) -> str:
    """Return how many of the requests have failed."""
    return f"{sum(not request.is_good for request in requests)} of {len(requests)}"


def stored(cluster: Cluster) -> set[str]:
    """Return the codes of the stations in the database."""
    with closing(cluster.leader().connect("stationsapp", PASSWORD, "stationsapp")) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT code FROM stations")
        return {code for (code,) in cursor}


def row(*cells: object) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
