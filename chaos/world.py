"""The world of a fault: database servers, the service, and its clients."""

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
    """A primary, perhaps a standby, and the services that clients use."""

    folder: Path
    settings: dict[str, str]
    primary: Server
    standby: Server | None
    proxy: Proxy
    token: str
    services: list[Service] = field(default_factory=list)
    cleanup: ExitStack = field(default_factory=ExitStack)

    def serve(self, port: int = 0) -> Service:
        """Start another service."""
        log = self.folder / f"gunicorn-{len(self.services) + 1}.log"
        service = Service(self.settings, log, port)
        self.services.append(service)
        self.cleanup.callback(service.stop)
        return service

    def load(self) -> Load:
        """Return the clients of the services, which aren't started yet."""
        return Load([service.port for service in self.services], self.token)


class Fault(NamedTuple):
    """A fault, the world that it needs, and the effects that are allowed."""

    name: str
    happen: Callable[["World", Load], None]
    standby: bool = False
    replica: bool = False  # the service reads from the standby
    services: int = 1
    unnoticed: bool = False  # other clients must not notice it
    unanswered: bool = False  # running requests may be lost


class Template(NamedTuple):
    """A stopped server with stations, which each world copies."""

    server: Server
    token: str


def make_template(programs: Path, folder: Path, stations: int = 50_000) -> Template:
    """Create the server that all others are copied from."""
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
    """Create a world for a fault, with its logs in a folder, and remove it afterwards."""
    folder.mkdir()
    primary = Server(template.server.programs, folder / "primary")
    standby = Server(primary.programs, folder / "standby") if fault.standby else None
    with ExitStack() as cleanup:
        cleanup.callback(primary.remove)
        primary.copy(template.server)
        # Acknowledge a write only when the standby has it too.
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
