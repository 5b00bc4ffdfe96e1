"""What a fault happens in: servers, the service on them, and its clients."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from flask_migrate import upgrade

from config import ProductionConfig
from stationsapp import create_app
from stationsapp.extensions import db

from .load import Load
from .postgres import Server, url
from .proxy import Proxy
from .service import SETTINGS, Service

STATIONS = """
INSERT INTO stations (source, code, name, lat, lng)
SELECT 'many', n, repeat('x', 200), n %% 90, n %% 180 FROM generate_series(1, %s) AS n
"""


@dataclass
class World:
    """A primary, its standby if there is one, and services that clients use."""

    folder: Path
    settings: dict[str, str]
    primary: Server
    standby: Server | None
    proxy: Proxy
    token: str
    services: list[Service] = field(default_factory=list)
    cleanup: ExitStack = field(default_factory=ExitStack)

    def serve(self, port: int = 0) -> Service:
        """Start one more service."""
        log = self.folder / f"gunicorn-{len(self.services) + 1}.log"
        service = Service(self.settings, log, port)
        self.services.append(service)
        self.cleanup.callback(service.stop)
        return service

    def load(self) -> Load:
        """Return clients of the services, who have yet to begin."""
        return Load([service.port for service in self.services], self.token)


class Fault(NamedTuple):
    """Something that goes wrong, in a world of its own; and what is to be borne."""

    name: str
    happen: Callable[["World", Load], None]
    standby: bool = False
    replica: bool = False  # the standby is where the service reads
    services: int = 1
    unnoticed: bool = False  # by all other clients
    unanswered: bool = False  # the requests that are being served are lost


class Template(NamedTuple):
    """A stopped server with the stations, which each world has a copy of."""

    server: Server
    token: str


def make_template(programs: Path, folder: Path, stations: int = 50_000) -> Template:
    """Make the server that all others are copied from."""
    server = Server(programs, folder)
    server.make()
    settings = SETTINGS | {"DATABASE_URL": url(server.port)}
    app = create_app(type("Config", (ProductionConfig,), settings))
    with app.app_context():
        upgrade()
        token = app.test_cli_runner().invoke(args=["tokens", "create", "chaos"]).stdout.strip()
        for engine in db.engines.values():
            engine.dispose()
    server.execute(STATIONS, [stations])
    server.execute("ANALYZE")
    server.stop("fast")
    return Template(server, token)


@contextmanager
def world_for(fault: Fault, template: Template, folder: Path) -> Iterator[World]:
    """Make a world for a fault, with its logs in a folder, and remove it."""
    folder.mkdir()
    primary = Server(template.server.programs, folder / "primary")
    standby = Server(primary.programs, folder / "standby") if fault.standby else None
    with ExitStack() as cleanup:
        cleanup.callback(primary.remove)
        primary.copy(template.server)
        # What is acknowledged is then with both.
        synchronous = standby and not fault.replica
        primary.start("-c synchronous_standby_names=standby" if synchronous else "")
        if standby:
            cleanup.callback(standby.remove)
            standby.follow(primary)
        proxy = Proxy(primary.port)
        cleanup.callback(proxy.close)
        settings = {"DATABASE_URL": url(proxy.port), "DATABASE_READ_URL": ""}
        if standby and fault.replica:
            settings["DATABASE_READ_URL"] = url(standby.port)
        elif standby:
            settings["DATABASE_URL"] = url(primary.port, standby.port)
        world = World(folder, settings, primary, standby, proxy, template.token, cleanup=cleanup)
        for _ in range(fault.services):
            world.serve()
        yield world
