"""What this machine shows: servers that run on it, containers, Compose files."""

import getpass
import os
import platform
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .libpq import SOCKET

REACHING = 2.0  # seconds for a look whether something takes connections
FOLDERS = ("/var/run/postgresql", "/tmp")  # noqa: S108 - Debian's and the stock folder of sockets
CLUSTERS = Path("/etc/postgresql")  # Debian's, one folder for each version
SYSTEMD = Path("/run/systemd/system")
CONTAINER = ("/.dockerenv", "/run/.containerenv")
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
LOCAL = ("localhost", "127.0.0.1", "::1")


def is_local(host: str) -> bool:
    """Tell whether a host of libpq's is this machine; a folder is one of sockets."""
    return host in LOCAL or host.startswith(("/", "127."))


def takes_connections(host: str, port: str) -> bool:
    """Tell whether something takes connections there, whatever it is."""
    try:
        if host.startswith("/"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(REACHING)
                client.connect(f"{host}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, int(port)), REACHING).close()
    except (OSError, ValueError):
        return False
    return True


def servers() -> dict[str, str]:
    """Return the PostgreSQL servers that run here, by port: each with its folder of sockets."""
    paths = [str(path) for folder in FOLDERS for path in Path(folder).glob(".s.PGSQL.*")]
    with suppress(OSError):  # Linux lists them all, in whatever folder
        paths += re.findall(r" (/.*)$", Path("/proc/net/unix").read_text(), re.M)
    found: dict[str, str] = {}
    for match in filter(None, map(SOCKET.fullmatch, paths)):
        if match["port"] not in found and takes_connections(match["folder"], match["port"]):
            found[match["port"]] = match["folder"]
    return found


def start_command(port: str) -> str | None:
    """Return what starts the server of this machine that is to listen at a port."""
    for service, published in compose_services().items():
        if published == port:
            return f"docker compose up -d {service}"
    sudo = "" if os.name != "posix" or os.geteuid() == 0 else "sudo "
    for file in CLUSTERS.glob("*/*/postgresql.conf"):
        if re.search(rf"^\s*port\s*=\s*{port}\b", _read(file), re.M):
            return f"{sudo}pg_ctlcluster {file.parent.parent.name} {file.parent.name} start"
    known = platform.system() == "Linux" and not SYSTEMD.exists()
    return f"{sudo}service postgresql start" if known else None


def in_container() -> bool:
    """Tell whether this program runs in a container."""
    return any(map(os.path.exists, CONTAINER))


def system_user() -> dict[str, str]:
    """Return the name of the user that runs this program; not every container has one."""
    with suppress(KeyError, OSError):
        return {"system_user": getpass.getuser()}
    return {}


def compose_services() -> dict[str, str]:
    """Return the services of the Compose file near by, each with the first port it publishes."""
    for folder in (Path.cwd(), *Path.cwd().parents[:2]):
        for name in COMPOSE:
            if (folder / name).is_file():
                return dict(_services(_read(folder / name)))
    return {}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _services(text: str) -> Iterator[tuple[str, str]]:
    section = re.split(r"^\w", f"\n{text}".partition("\nservices:")[2], flags=re.M)[0]
    indent = re.search(r"^( +)[\w.-]+:\s*$", section, re.M)
    if indent is None:
        return
    for part in re.split(rf"^{indent[1]}(?=[\w.-]+:\s*(?:#.*)?$)", section, flags=re.M)[1:]:
        published = re.search(r"^\s+- +[\"']?(?:[\d.]+:)?(\d+):\d+", part, re.M)
        published = published or re.search(r"published: *[\"']?(\d+)", part)
        yield part.partition(":")[0], published[1] if published else ""
