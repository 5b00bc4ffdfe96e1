"""The database machines: etcd, and three PostgreSQL servers that Patroni manages."""

import json
import os
import signal
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

import psutil
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812

from .processes import Process, as_postgres, start, stop, until, until_listening

ROOT = Path(__file__).parents[1]
PATRONI = ROOT / ".venv-cluster" / "bin" / "patroni"
CONFIG = ROOT / "deploy" / "patroni.yml"
BINARIES = "/usr/lib/postgresql/15/bin"  # CONFIG's
SUPERUSER_PASSWORD = "change-me-superuser"  # CONFIG's
NAMES = ("one", "two", "three")


class Etcd:
    """The store in which Patroni records the leader."""

    def __init__(self, folder: Path, port: int, peer_port: int) -> None:
        self.folder, self.port = folder, port
        address, peer = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer_port}"
        self.command = ["etcd", "--data-dir", str(folder / "etcd"), "--log-level", "error"]
        self.command += ["--listen-client-urls", address, "--advertise-client-urls", address]
        self.command += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        self.command += ["--initial-cluster", f"default={peer}"]
        self.start()

    def start(self) -> None:
        """Start etcd with the data that it had before."""
        self.process = start(self.command, self.folder / "etcd.log")
        until_listening(self.port, self.process)

    def stop(self) -> None:
        """Stop etcd."""
        stop(self.process)


class Node:
    """A database machine: Patroni and its PostgreSQL."""

    def __init__(self, name: str, folder: Path, port: int, rest: int, etcd: Etcd) -> None:
        self.name, self.folder, self.port, self.rest = name, folder, port, rest
        self.data = folder / name
        text = CONFIG.read_text()
        for old, new in {
            "name: one": f"name: {name}",
            "10.0.0.1:8008": f"127.0.0.1:{rest}",
            "10.0.0.1:5432": f"127.0.0.1:{port}",
            "10.0.0.1:2379,10.0.0.2:2379,10.0.0.3:2379": f"127.0.0.1:{etcd.port}",
            "10.0.0.0/24": "127.0.0.0/8",
            "/var/lib/postgresql/15/patroni": str(self.data),
            "/var/lib/postgresql/.pgpass-patroni": f"{folder}/pgpass-{name}",
            "/var/run/postgresql": str(folder),
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        (folder / f"{name}.yml").write_text(text)
        self.process: Process | None = None

    def start(self) -> None:
        """Start Patroni, which starts PostgreSQL."""
        self.process = start(
            [PATRONI, self.folder / f"{self.name}.yml"],
            self.folder / f"{self.name}.log",
            cwd=self.folder,
            **as_postgres(),
        )

    def postmaster(self) -> int | None:
        """Return PostgreSQL's process id if it is running."""
        with suppress(OSError, ValueError, IndexError):
            number = int((self.data / "postmaster.pid").read_text().splitlines()[0])
            return number if psutil.pid_exists(number) else None
        return None

    def signal(self, number: int, *, whole: bool = True) -> None:
        """Send a signal to all of PostgreSQL's processes and, if `whole`, to Patroni's."""
        roots = [self.postmaster(), self.process.pid if whole and self.process else None]
        for root in filter(None, roots):
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(root)
                for process in [parent, *parent.children(recursive=True)]:
                    with suppress(psutil.NoSuchProcess):
                        process.send_signal(number)
        if whole and number == signal.SIGKILL and self.process:
            self.process.wait()

    def leads(self) -> bool:
        """Tell whether Patroni says that this node is the leader."""
        try:
            urlopen(f"http://127.0.0.1:{self.rest}/primary", timeout=0.3).close()
        except (OSError, HTTPException):
            return False
        return True

    def takes_writes(self) -> bool:
        """Tell whether its PostgreSQL commits, which includes a replica's acknowledgement."""
        try:
            with closing(self.connect("postgres", SUPERUSER_PASSWORD, "postgres")) as connection:
                cursor = connection.cursor()
                cursor.execute("SELECT pg_logical_emit_message(true, '', '')")
                connection.commit()
        except psycopg2.Error:
            return False
        return True

    def connect(self, user: str, password: str, database: str) -> Connection:
        """Connect to its PostgreSQL directly."""
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            connect_timeout=2,
        )

    def members(self) -> list[dict[str, str]]:
        """Return what Patroni says about all nodes."""
        try:
            answer = urlopen(f"http://127.0.0.1:{self.rest}/cluster", timeout=1)
            members: list[dict[str, str]] = json.load(answer)["members"]
        except (OSError, HTTPException):
            return []
        return members


class Cluster:
    """etcd and all nodes."""

    def __init__(self, folder: Path, ports: list[int]) -> None:
        if not os.geteuid():  # PostgreSQL runs as postgres and writes here
            os.chmod(folder, 0o777)
        self.etcd = Etcd(folder, ports.pop(), ports.pop())
        self.nodes = [Node(name, folder, ports.pop(), ports.pop(), self.etcd) for name in NAMES]

    def start(self) -> None:
        """Start all nodes, and wait until the cluster is whole."""
        for node in self.nodes:
            node.start()
        self.until_whole(120)

    def leader(self) -> Node:
        """Return the leader. Raises StopIteration if there is none."""
        return next(node for node in self.nodes if node.leads())

    def replicas(self) -> list[Node]:
        """Return the nodes that aren't the leader."""
        leader = self.leader()
        return [node for node in self.nodes if node is not leader]

    def is_whole(self) -> bool:
        """Tell whether there is a leader with two streaming replicas."""
        leading = [node for node in self.nodes if node.leads()]
        if len(leading) != 1:
            return False
        states = sorted(member["state"] for member in leading[0].members())
        return states == ["running", "streaming", "streaming"]

    def until_whole(self, seconds: float = 90) -> None:
        """Wait until the cluster is whole. Raises RuntimeError if it isn't in time."""
        until(self.is_whole, seconds, "one node leads and two follow")

    def close(self) -> None:
        """Kill all processes."""
        for node in self.nodes:
            node.signal(signal.SIGCONT)
            node.signal(signal.SIGKILL)
        self.etcd.stop()


def missing() -> list[str]:
    """Return the Debian packages that aren't installed."""
    needed = {
        "postgresql-15": BINARIES,
        "etcd-server": "/usr/bin/etcd",
        "haproxy": "/usr/sbin/haproxy",
        "nginx": "/usr/sbin/nginx",
        "pgbouncer": "/usr/sbin/pgbouncer",
    }
    return [package for package, path in needed.items() if not Path(path).exists()]
