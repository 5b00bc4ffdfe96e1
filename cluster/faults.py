"""The faults: each breaks a part of the cluster and repairs it."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import Request, urlopen

from . import release
from .machines import Machine
from .nodes import Cluster
from .processes import until

FROZEN = 40  # seconds: longer than Patroni's ttl
STORE_AWAY = 10  # seconds

Fault = Callable[[Cluster, list[Machine], Path], None]


def kill_leading_postgresql(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Kill the leader's PostgreSQL, but not its Patroni."""
    cluster.leader().signal(signal.SIGKILL, whole=False)


def kill_leader(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Kill the leader's PostgreSQL and Patroni, and start them when another node leads."""
    leader = cluster.leader()
    leader.signal(signal.SIGKILL)
    until(lambda: any(node.leads() for node in cluster.nodes), 90, "another node leads")
    leader.start()


def freeze_leader(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Freeze the leader; when it wakes up, it still believes that it is the leader."""
    leader = cluster.leader()
    leader.signal(signal.SIGSTOP)
    time.sleep(FROZEN)
    leader.signal(signal.SIGCONT)


def switch_over(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Ask Patroni for another leader, like `patronictl switchover`."""
    leader = cluster.leader()
    body = json.dumps({"leader": leader.name}).encode()
    urlopen(Request(f"http://127.0.0.1:{leader.rest}/switchover", body), timeout=60).close()


def lose_replica(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Kill a replica's PostgreSQL and Patroni, and start them after a while."""
    replica = cluster.replicas()[0]
    replica.signal(signal.SIGKILL)
    time.sleep(10)
    replica.start()


def restart_poolers(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Restart PgBouncer on one machine after the other."""
    for machine in machines:
        machine.restart_pooler()
        time.sleep(2)


def restart_store(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Stop etcd for a while."""
    cluster.etcd.stop()
    time.sleep(STORE_AWAY)
    cluster.etcd.start()


def deploy(cluster: Cluster, machines: list[Machine], folder: Path) -> None:
    """Run the next release's migration without PgBouncer, then restart each gunicorn."""
    new = release.make(folder)
    release.migrate(new, machines[0].service.environment, machines[0].direct_url)
    for machine in machines:
        machine.service.restart(new)


FAULTS: dict[str, Fault] = {
    "leader's PostgreSQL killed": kill_leading_postgresql,
    "leader killed whole": kill_leader,
    f"leader frozen for {FROZEN} s": freeze_leader,
    "switchover": switch_over,
    "replica gone for 10 s": lose_replica,
    "PgBouncer restarted": restart_poolers,
    f"etcd away for {STORE_AWAY} s": restart_store,
    "rolling deploy with a migration": deploy,
}
