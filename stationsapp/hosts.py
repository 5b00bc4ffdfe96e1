"""Which of a URL's hosts is tried first, because each one that hangs costs a connect timeout."""

import re
from itertools import count
from typing import Any

import psycopg2

# libpq's message for a host that didn't answer.
SILENT = re.compile(r'connection to server at "([^"]+)".*?, port (\d+) failed: timeout expired')


class Hosts:
    """The order of the hosts: the one that answered last is first, those that hang are last."""

    def __init__(self) -> None:
        # By host and port: the lowest is tried first, and unknown hosts are 0.
        self.places: dict[tuple[str, str], int] = {}
        self.numbers = count(1)

    def connect(self, parameters: dict[str, Any]) -> Any:
        """Connect with libpq, which uses the first host that fits `target_session_attrs`.

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
