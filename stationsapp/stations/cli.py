"""`flask stations ...`."""

from pathlib import Path

import click
from flask import Blueprint

from .feeds import FeedError, csv
from .importer import Report, import_records

bp = Blueprint("stations_cli", __name__, cli_group="stations")
bp.cli.help = "Take stations in."

SHOWN = 10  # rejected rows on the screen


@bp.cli.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.option("--source", help="The feed that the stations are from.  [default: the file's name]")
@click.option("--key", metavar="COLUMN", help="The column that holds each station's code.")
def import_command(file: Path, source: str | None, key: str | None) -> None:
    """Load the stations of a CSV file; run again, it changes what has changed.

    The file is UTF-8 and has a header with columns for code, name, lat and lng; other columns are
    kept as properties. Exit status: 0, or 1 when nothing could be loaded.
    """
    try:
        with (
            file.open("rb") as stream,
            click.progressbar(length=file.stat().st_size, label=f"Reading {file.name}") as bar,
        ):
            report = import_records(
                source or file.stem,
                csv.read(stream, key),
                progress=lambda: bar.update(stream.tell() - bar.pos),
            )
    except FeedError as error:
        raise click.ClickException(f"{file}, {error}") from error
    except OSError as error:
        raise click.ClickException(f"{file} can't be read: {error.strerror}") from error
    _show(file, report)


def _show(file: Path, report: Report) -> None:
    for rejected in report.rejected[:SHOWN]:
        click.echo(f"{file}, {rejected}", err=True)
    if len(report.rejected) > SHOWN:
        click.echo(f"... and {len(report.rejected) - SHOWN:,} more", err=True)
    click.echo(
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{len(report.rejected):,} rejected"
    )
    if not report.added + report.updated + report.unchanged:
        raise click.ClickException(f"{file} holds no station that could be loaded")
