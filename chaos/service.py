"""The service as in production: gunicorn with the project's gunicorn.conf.py."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")
SETTINGS = {"APP_CONFIG": "production", "SECRET_KEY": "for chaos and nothing else"}


class Service:
    """A gunicorn with these settings, which logs to a file."""

    def __init__(
        self,
        settings: dict[str, str],
        log: Path,
        port: int = 0,
        application: Sequence[str] = ("wsgi:app",),
    ) -> None:
        command = [sys.executable, "-m", "gunicorn", f"--bind=127.0.0.1:{port}", *application]
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | SETTINGS | settings,
                stdout=output,
                stderr=output,
            )
        while not (listening := LISTENING.search(log.read_text())):
            if self.process.poll() is not None:
                raise RuntimeError(f"gunicorn did not start: {log.read_text()}")
            time.sleep(0.05)
        self.port = int(listening[1])

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes."""
        workers: list[psutil.Process] = psutil.Process(self.process.pid).children()
        return workers

    def stop(self) -> None:
        """Stop it as a supervisor does, and wait."""
        self.process.terminate()
        self.process.wait()


def flask(settings: dict[str, str], *arguments: str) -> str:
    """Run a `flask` command and return its output."""
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *arguments],
        cwd=ROOT,
        env=os.environ | SETTINGS | settings,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
