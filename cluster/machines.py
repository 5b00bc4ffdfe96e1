"""The application machines, each with gunicorn, PgBouncer and HAProxy."""

from pathlib import Path

from .gunicorn import ROOT, Service
from .nodes import Node
from .processes import as_postgres, start, stop, until_listening

DEPLOY = ROOT / "deploy"
PASSWORD = "change-me-stationsapp"  # of the application's role


class Machine:
    """An application machine, whose parts connect to each other on loopback."""

    service: Service  # set when the database exists

    def __init__(self, name: str, folder: Path, ports: list[int], nodes: list[Node]) -> None:
        self.name, self.folder = name, folder
        self.writes, self.reads, self.pooler = ports.pop(), ports.pop(), ports.pop()
        self._balance(nodes)
        self._pool()
        address = f"postgresql://stationsapp:{PASSWORD}@127.0.0.1"
        self.direct_url = f"{address}:{self.writes}/stationsapp"
        self.settings = {
            "APP_CONFIG": "production",
            "DATABASE_URL": f"{address}:{self.pooler}/stationsapp",
            "DATABASE_READ_URL": f"{address}:{self.pooler}/stationsapp_read",
            "SECRET_KEY": "x" * 16,
            "TRUSTED_HOSTS": "localhost",
            "TRUSTED_PROXIES": "1",
            "WEB_CONCURRENCY": "1",
        }

    def _balance(self, nodes: list[Node]) -> None:
        text = (DEPLOY / "haproxy.cfg").read_text()
        text = text.replace(":5000", f":{self.writes}").replace(":5001", f":{self.reads}")
        for number, node in enumerate(nodes, 1):
            address = f"10.0.0.{number}:5432 check port 8008"
            assert address in text, address
            text = text.replace(address, f"127.0.0.1:{node.port} check port {node.rest}")
        config = self.folder / f"haproxy-{self.name}.cfg"
        config.write_text(text)
        log = self.folder / f"haproxy-{self.name}.log"
        self.balancer = start(["/usr/sbin/haproxy", "-db", "-f", config], log)
        until_listening(self.writes, self.balancer)

    def _pool(self) -> None:
        users = self.folder / "userlist.txt"
        users.write_text(f'"stationsapp" "{PASSWORD}"\n')
        text = (DEPLOY / "pgbouncer.ini").read_text()
        for old, new in {
            "/etc/pgbouncer/userlist.txt": str(users),
            "port=5000": f"port={self.writes}",
            "port=5001": f"port={self.reads}",
            "6432": str(self.pooler),
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        self.pooler_config = self.folder / f"pgbouncer-{self.name}.ini"
        self.pooler_config.write_text(text)
        self.start_pooler()

    def start_pooler(self) -> None:
        """Start PgBouncer."""
        log = self.folder / f"pgbouncer-{self.name}.log"
        self.bouncer = start(["/usr/sbin/pgbouncer", self.pooler_config], log, **as_postgres())
        until_listening(self.pooler, self.bouncer)

    def restart_pooler(self) -> None:
        """Restart PgBouncer, like `systemctl restart pgbouncer`."""
        stop(self.bouncer)
        self.start_pooler()

    def close(self) -> None:
        """Stop PgBouncer and HAProxy."""
        stop(self.bouncer)
        stop(self.balancer)
