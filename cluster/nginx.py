"""Debian's nginx with `deploy/nginx.conf`, on loopback and free ports."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .processes import free_ports, start, stop, until_listening

DEPLOY = Path(__file__).parents[1] / "deploy"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"  # not on every user's PATH

# The main configuration, which includes ours as Debian's does.
MAIN = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    {temporary}
    include {folder}/stationsapp.conf;
}}
"""
CERTIFY = ["openssl", "req", "-x509", "-nodes", "-subj", "/CN=localhost", "-newkey", "ec"]
CERTIFY += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def is_installed() -> bool:
    """Tell whether nginx is installed."""
    return Path(NGINX).exists()


def write(folder: Path, port: int, servers: Sequence[int]) -> Path:
    """Write the configuration of an nginx on `port`, in front of `servers`; return the file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [*CERTIFY, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    text = (DEPLOY / "nginx.conf").read_text()
    text = re.sub(r"\n *listen \[::\].*", "", text)
    for old, new in {
        "listen 80;": f"listen unix:{folder}/plain.sock;",
        "listen 443 ": f"listen 127.0.0.1:{port} ",
        "server_name stations.example.org;": "server_name localhost;",
        "/etc/letsencrypt/live/stations.example.org/fullchain.pem": str(certificate),
        "/etc/letsencrypt/live/stations.example.org/privkey.pem": str(key),
        "/var/log/nginx/": f"{folder}/",
        "    server 127.0.0.1:8000 max_fails=0;": "\n".join(
            f"    server 127.0.0.1:{server} max_fails=0;" for server in servers
        ),
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "stationsapp.conf").write_text(text)
    main = folder / "nginx.conf"
    temporary = "\n    ".join(f"{name}_temp_path {folder}/{name};" for name in TEMPORARY)
    user = "" if os.geteuid() else "user root;"
    main.write_text(MAIN.format(folder=folder, user=user, temporary=temporary))
    return main


@contextmanager
def running(folder: Path, servers: Sequence[int]) -> Iterator[int]:
    """Run nginx in front of servers on these ports, and yield its own port."""
    (port,) = free_ports(1)
    main = write(folder, port, servers)
    process = start([NGINX, "-p", folder, "-c", main], folder / "nginx.log")
    try:
        until_listening(port, process)
        yield port
    finally:
        stop(process)
