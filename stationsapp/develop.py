"""`make run`: prepare the database, and serve with the reloader and the debugger.

One process does both, because loading the application takes longer than everything else. The
arguments are those of `flask run`.
"""

import sys

from flask.cli import cli
from werkzeug.serving import is_running_from_reloader

from . import embedded


def main() -> None:
    """Run `flask db prepare`, which the reloader doesn't repeat, and then `flask run --debug`."""
    if not is_running_from_reloader():
        _prepare()
    cli.main(["run", "--debug", *sys.argv[1:]], prog_name="flask")


def _prepare() -> None:
    connections = embedded.start_early()  # noqa: F841 - they keep the server running
    try:
        cli.main(["db", "prepare"], prog_name="flask")
    except SystemExit as done:
        if done.code:
            raise


if __name__ == "__main__":
    main()
