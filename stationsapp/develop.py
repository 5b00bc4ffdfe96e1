"""`make run`: prepare the database, and serve with the reloader and the debugger.

One process does both, because loading the application takes longer than everything else. The
arguments are those of `flask run`.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from flask.cli import cli
from werkzeug.serving import is_running_from_reloader

from . import embedded

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812


def main() -> None:
    """Run `flask db prepare`, which the reloader doesn't repeat, and then `flask run --debug`."""
    if not is_running_from_reloader():
        _prepare()
    cli.main(["run", "--debug", *sys.argv[1:]], prog_name="flask")


def _prepare() -> None:
    with ThreadPoolExecutor() as pool:
        # The embedded server starts while the application loads. If it can't start, preparing the
        # database says why.
        connecting = pool.submit(_connect)  # noqa: F841
        try:
            cli.main(["db", "prepare"], prog_name="flask")
        except SystemExit as done:
            if done.code:
                raise


def _connect() -> "Connection | None":
    """Start the embedded server, if it is used. The connection keeps it running."""
    from config import DevelopmentConfig  # here, because Flask explains what is wrong with it

    directory = DevelopmentConfig.EMBEDDED_POSTGRES
    if not directory or DevelopmentConfig.DATABASE_URL or os.environ.get("APP_CONFIG"):
        return None
    return embedded.connect(directory, "postgres")


if __name__ == "__main__":
    main()
