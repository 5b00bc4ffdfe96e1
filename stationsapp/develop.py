"""`make run`: prepare the database, and serve with the reloader and the debugger.

One process does both, because loading the application takes longer than everything else. The
arguments are those of `flask run`.
"""

import os
import sys
from contextlib import suppress
from threading import Thread

from flask.cli import cli
from werkzeug.serving import is_running_from_reloader

from . import embedded


def main() -> None:
    """Run `flask db prepare`, which the reloader doesn't repeat, and then `flask run --debug`."""
    if not is_running_from_reloader():
        _prepare()
    cli.main(["run", "--debug", *sys.argv[1:]], prog_name="flask")


def _prepare() -> None:
    # The embedded server starts while the application loads, and the connection keeps it running.
    # A daemon, so that neither Ctrl-C nor an error of the application waits for it.
    connections: list[object] = []
    starting = Thread(target=_connect, args=[connections], daemon=True)
    starting.start()
    try:
        cli.main(["db", "prepare"], prog_name="flask")
    except SystemExit as done:
        if done.code:
            raise
    starting.join()


def _connect(connections: list[object]) -> None:
    """Start the embedded server, if it is used."""
    with suppress(Exception):  # preparing the database says what is wrong
        from config import DevelopmentConfig

        directory = DevelopmentConfig.EMBEDDED_POSTGRES
        if directory and not (DevelopmentConfig.DATABASE_URL or os.environ.get("APP_CONFIG")):
            connections.append(embedded.connect(directory, "postgres"))


if __name__ == "__main__":
    main()
