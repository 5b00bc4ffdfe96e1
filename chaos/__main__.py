"""The command line: `python -m chaos --help`."""

import shutil
import sys
from functools import partial
from pathlib import Path

import click

from stationsapp.keeper import found

from .faults import FAULTS
from .report import HEAD, line
from .run import run
from .service import ROOT
from .world import make_template

FOLDER = ROOT / "instance" / "chaos"


@click.command()
@click.option(
    "--only", default="", metavar="TEXT", help="Run only faults with this text in their name."
)
@click.option(
    "--programs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of PostgreSQL's programs.  [default: the embedded server's]",
)
def main(only: str, programs: Path | None) -> None:
    """Break the database, the network or the service under load, and show what clients notice.

    The result of a fault is "passed" if every request ended within 5 seconds with a documented
    response, every health check within one second, all requests succeeded again 2 seconds after
    the fault, and no acknowledged write was lost. The logs are kept in instance/chaos. The exit
    status is 1 if a result is "failed".
    """
    say = partial(click.echo, err=True)
    faults = [fault for fault in FAULTS if only in fault.name]
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    template = make_template(programs or next(iter(found().values())), FOLDER / "template")
    click.echo(f"{line(HEAD)}\n{line(['---'] * len(HEAD))}")
    failed = 0
    for number, fault in enumerate(faults, 1):
        say(f"{number} of {len(faults)}: {fault.name} ...")
        row = run(fault, template, FOLDER / f"{number:02}")
        failed += bool(row.reasons)
        click.echo(line(row.cells()))
    template.server.remove()
    if failed:
        say(f"{failed} of {len(faults)} failed. The logs are in {FOLDER}.")
        sys.exit(1)


if __name__ == "__main__":
    main()
