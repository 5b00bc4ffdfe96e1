"""Which of several hosts of a URL is tried first: each that hangs costs the time to connect."""

import re
from itertools import count
from typing import Any

import psycopg2

# libpq's words for a host that didn't answer, after those for its address.
SILENT = re.compile(r'connection to server at "([^"]+)".*?, port (\d+) failed: timeout expired')


class Hosts:
    """The order of the hosts: who answered last comes first, and who didn't answer comes last."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, str], int] = {}  # by host and port; 0 if nothing is known
        self.numbers = count(1)

    def connect(self, parameters: dict[str, Any]) -> Any:
        """Connect by libpq, which takes the first host of the kind that is wanted.

        Raises psycopg2.OperationalError.
        """
        hosts = str(parameters.get("host", "")).split(",")
        if len(hosts) == 1:
            return psycopg2.connect(**parameters)
        ports = str(parameters.get("port", "5432")).split(",")
        known = list(zip(hosts, ports if len(ports) > 1 else ports * len(hosts), strict=True))
        known.sort(key=lambda host: self.places.get(host, 0))
        first = {"host": ",".join(host for host, _ in known), "port": ",".join(p for _, p in known)}
        try:
            connection = psycopg2.connect(**parameters | first)
        except psycopg2.OperationalError as error:
            for host, port in SILENT.findall(str(error)):
                self.places[host, port] = next(self.numbers)
            raise
        self.places[connection.info.host, str(connection.info.port)] = -next(self.numbers)
        return connection
