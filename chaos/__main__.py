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
@click.option("--only", default="", metavar="TEXT", help="Faults with this text in their name.")
@click.option(
    "--programs",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of PostgreSQL's programs.  [default: the newest that is found]",
)
def main(only: str, programs: Path | None) -> None:
    """Break what the service stands on, under load, and print what its clients notice.

    A row is true if every request ended within 5 seconds with what the API promises, every health
    check within one, all was back 2 seconds after the fault, and no acknowledged write was lost.
    The logs stay in instance/chaos. It fails if a row is false.
    """
    say = partial(click.echo, err=True)
    faults = [fault for fault in FAULTS if only in fault.name]
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    template = make_template(programs or next(iter(found().values())), FOLDER / "template")
    click.echo(f"{line(HEAD)}\n{line(['---'] * len(HEAD))}")
    false = 0
    for number, fault in enumerate(faults, 1):
        say(f"{number} of {len(faults)}: {fault.name} ...")
        row = run(fault, template, FOLDER / f"{number:02}")
        false += bool(row.reasons)
        click.echo(line(row.cells()))
    template.server.remove()
    if false:
        say(f"{false} of {len(faults)} rows are false: the logs are in {FOLDER}.")
        sys.exit(1)


if __name__ == "__main__":
    main()
