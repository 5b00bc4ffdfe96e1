"""`make run`: prepare the database, and serve with the reloader and the debugger.

One process does both, because loading the application takes longer than everything else. The
arguments are those of `flask run`.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from flask.cli import cli
from werkzeug.serving import is_running_from_reloader

from config import DevelopmentConfig

from . import embedded


def main() -> None:
    """Run `flask db prepare`, which the reloader doesn't repeat, and then `flask run --debug`."""
    if not is_running_from_reloader():
        _prepare()
    cli.main(["run", "--debug", *sys.argv[1:]], prog_name="flask")


def _prepare() -> None:
    directory = DevelopmentConfig.EMBEDDED_POSTGRES
    with ThreadPoolExecutor() as pool:
        if directory and not (DevelopmentConfig.DATABASE_URL or os.environ.get("APP_CONFIG")):
            # The embedded server starts while the application loads, and the connection keeps it
            # running. If it can't start, preparing the database says why.
            connecting = pool.submit(embedded.connect, directory, "postgres")  # noqa: F841
        try:
            cli.main(["db", "prepare"], prog_name="flask")
        except SystemExit as done:
            if done.code:
                raise


if __name__ == "__main__":
    main()
