"""`flask stations ...`: exit status 0 when done, 1 when nothing was changed, 2 for wrong usage."""

import gzip
import io
import shlex
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click
from flask import Blueprint
from psycopg2 import Error, OperationalError
from psycopg2.errors import InsufficientPrivilege, ReadOnlySqlTransaction, UndefinedTable
from sqlalchemy.exc import DBAPIError

from . import geo, naming
from .exporter import export
from .feeds import FeedError, Format
from .feeds.encodings import is_encoding
from .feeds.formats import FORMATS, by_name
from .importer import import_records
from .recount import recount
from .report import Report, printable
from .sources import Source, open_feed

bp = Blueprint("stations_cli", __name__, cli_group="stations")
bp.cli.help = "Import, export and recount stations."

QUIET = 10  # seconds between two lines of progress outside a terminal
# Errors of the database that are no fault of the code.
REFUSALS = (OperationalError, InsufficientPrivilege, ReadOnlySqlTransaction, UndefinedTable)


def _source(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not (value.strip() and len(value) <= 100 and value.isprintable()):
        raise click.BadParameter("expected 1 to 100 printable characters")
    return value


def _encoding(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not is_encoding(value):
        raise click.BadParameter("expected an encoding such as cp1252, latin-1 or utf-16")
    return value


@bp.cli.command("import")
@click.argument("location", metavar="FILE|URL|-")
@click.option("--source", callback=_source, help="The source's name.  [default: the file's]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: from the content]")
@click.option("--key", metavar="COLUMN", help="The column of the codes, or for a CSV several: a,b.")
@click.option("--name", metavar="COLUMN", help="The column of the names.")
@click.option("--lat", metavar="COLUMN", help="The column of the latitudes.")
@click.option("--lng", metavar="COLUMN", help="The column of the longitudes.")
@click.option("--columns", metavar="A,B,...", help="The columns of a CSV without a header.")
@click.option("--encoding", callback=_encoding, help="Such as cp1252.  [default: utf-8]")
@click.option("--language", help="The language of GBFS names.  [default: the first]")
@click.option("--all-locations", is_flag=True, help="Also import GTFS platforms, entrances, ...")
@click.option("--dry-run", is_flag=True, help="Show what would be done, but change nothing.")
@click.option("--strict", is_flag=True, help="Load nothing if any row is rejected.")
@click.option("--prune", is_flag=True, help="Delete stations that the feed no longer has.")
@click.option("--force", is_flag=True, help="Move, rename or delete any number of stations.")
@click.option("--fast", is_flag=True, help="Lock a table that more than doubles, to load faster.")
@click.option("--rejects", type=click.Path(dir_okay=False), help="A file for all rejected rows.")
def import_command(
    location: str,
    source: str | None,
    form: str | None,
    encoding: str | None,
    dry_run: bool,
    strict: bool,
    prune: bool,
    force: bool,
    fast: bool,
    rejects: str | None,
    **options: Any,
) -> None:
    """Load the stations of a feed. Run it again to update what has changed.

    The feed is CSV, GeoJSON, GTFS or GBFS, and may be compressed (.gz, .zip). Exit status: 0 if it
    was loaded, even if rows were rejected; 1 if nothing was changed; 2 for wrong usage.
    """
    with (
        _explained(location),
        open_feed(location, form, options["language"], encoding) as (feed, found),
        _progress(feed) as progress,
        ExitStack() as stack,
    ):
        divided = feed.is_divided()
        if divided and source:
            raise click.UsageError(f"--source can't be used with {location}: it names the sources")
        source = source or ("" if divided else _named(location, found, feed))
        given = {name: value for name, value in options.items() if value}
        if wrong := given.keys() - set(found.options):
            option = min(wrong).replace("_", "-")
            raise click.UsageError(
                f"--{option} can't be used with {found.name}, the format of {location}"
            )
        rejects_file = stack.enter_context(_rejects(rejects, location)) if rejects else None
        report = import_records(
            source,
            found.read(feed.stream, **given),
            divided=divided,
            prune=prune,
            force=force,
            strict=strict,
            dry_run=dry_run,
            fast=fast,
            rejects=rejects_file,
            progress=progress,
        )
    _show(location, report, found.unit)
    if report.refused:
        how = ": use --force if this is right" if report.forceable else ""
        raise click.ClickException(
            printable(f"{location}: {report.refused}{how}; nothing was changed")
        )
    if dry_run:
        click.echo("This was a dry run: nothing was changed.")


def _named(location: str, form: Format, feed: Source) -> str:
    """Return the name of the file, or raise UsageError with a better one."""
    if location == "-":
        raise click.UsageError("use --source: standard input has no name")
    if name := naming.named(location):
        return name
    proposal = shlex.quote(naming.proposed(form, feed, location) or "NAME")
    raise click.UsageError(
        printable(f"many feeds have this name. Choose another one: --source {proposal}")
    )


class _File(io.FileIO):
    """A file whose errors name it. Otherwise they would seem to be errors of the feed."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError as error:
            error.filename = self.name
            raise


def _rejects(path: str, location: str) -> TextIO:
    if Path(path).exists() and Path(location).exists() and Path(path).samefile(location):
        raise click.UsageError(f"--rejects: {path} is the feed itself")
    # A rejected value may contain a lone surrogate, which is written as \ud800.
    file = io.BufferedWriter(_File(path, "w"))
    return io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")


@contextmanager
def _progress(feed: Source) -> Iterator[Callable[[int], None]]:
    """Show the progress: a bar in a terminal, a line every ten seconds elsewhere."""
    start = said = time.monotonic()

    def rate(rows: int | None) -> str:
        seconds = max(time.monotonic() - start, 0.001)
        return f"{rows:,} rows, {rows / seconds:,.0f} a second" if rows else ""

    def line(rows: int) -> None:
        nonlocal said
        if time.monotonic() - said >= QUIET:
            said = time.monotonic()
            click.echo(rate(rows), err=True)

    if feed.size and sys.stderr.isatty():
        with click.progressbar(
            length=feed.size, label="Reading", file=sys.stderr, item_show_func=rate
        ) as bar:

            def step(rows: int) -> None:
                if feed.position() == feed.size:
                    bar.label = "Writing"  # the table and its indexes take longer than the file
                bar.update(feed.position() - bar.pos, rows)

            yield step
    else:
        yield line


def _show(location: str, report: Report, unit: str) -> None:
    for rejected in report.examples:
        click.echo(printable(f"{location}, {rejected.at(unit)}"), err=True)
    if more := report.rejected - len(report.examples):
        click.echo(f"... and {more:,} more: use --rejects FILE.csv to list them all", err=True)
    for suspect in report.suspects():
        click.echo(f"Suspect: {suspect}", err=True)
    if report.sources:
        click.echo(printable(f"Sources: {', '.join(report.sources)}"))
    click.echo(report.counts())


@contextmanager
def _explained(location: str) -> Iterator[None]:
    """Turn an error in a file or of the database into one line and exit status 1."""
    try:
        yield
    except (Error, DBAPIError) as error:
        refusal = getattr(error, "orig", error)
        if not isinstance(refusal, REFUSALS):
            raise
        reason = str(refusal).partition("\n")[0]
        raise click.ClickException(reason) from error  # which Flask-Doctor explains
    except FeedError as error:
        raise click.ClickException(printable(f"{location}: {error}")) from error
    except BrokenPipeError:
        raise  # the reader has closed the pipe: click exits quietly
    except OSError as error:
        name = error.filename or location
        raise click.ClickException(printable(f"{name}: {error.strerror or error}")) from error


def _bbox(ctx: click.Context, param: click.Parameter, value: str | None) -> geo.Box | None:
    if value is None:
        return None
    with suppress(ValueError):
        west, south, east, north = map(float, value.split(","))
        if geo.is_box(west, south, east, north):
            return west, south, east, north
    raise click.BadParameter("expected west,south,east,north in degrees, south below north")


@bp.cli.command("export")
@click.argument("location", metavar="FILE|-")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: from the extension]")
@click.option("--source", callback=_source, help="Only this source's stations.  [default: all]")
@click.option("--bbox", metavar="W,S,E,N", callback=_bbox, help="Only the stations in this box.")
def export_command(
    location: str, form: str | None, source: str | None, bbox: geo.Box | None
) -> None:
    """Write the stations to a feed. A box whose west is greater than its east crosses 180°.

    Exit status: 0 if it was written; 1 if not; 2 for wrong usage.
    """
    form = form or ("csv" if location == "-" else None)
    chosen = FORMATS[form] if form else by_name(location)
    if chosen is None:
        raise click.UsageError(f"use --format for {location}: expected {', '.join(FORMATS)}")
    with _explained(location), _output(location, chosen) as file:
        count = export(file, chosen, source, bbox)
    stations = "station" if count == 1 else "stations"
    click.echo(f"{count:,} {stations} exported to {printable(location)}", err=True)


@bp.cli.command("recount")
def recount_command() -> None:
    """Recount the stations in the cells of the map.

    Triggers normally keep these counts up to date. Use this command if you have changed stations
    while the triggers were disabled. The application can read and write in the meantime.
    """
    with _explained("stations"):
        cells, wrong = recount()
    click.echo(f"{cells:,} {'cell' if cells == 1 else 'cells'} recounted, {wrong:,} of them wrong")


@contextmanager
def _output(location: str, form: Format) -> Iterator[Any]:
    """Open a file that appears when it is complete, compressed if its name says so."""
    if location == "-":
        yield sys.stdout.buffer
        return
    path = Path(location).resolve()  # where a symbolic link leads
    special = path.exists() and not path.is_file()  # a pipe, say
    part = path if special else path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as raw, _packed(location.lower(), form, raw) as file:
            yield file
        if not special:
            part.replace(path)
    finally:
        if not special:
            part.unlink(missing_ok=True)


@contextmanager
def _packed(name: str, form: Format, raw: BinaryIO) -> Iterator[Any]:
    if name.endswith(".gz"):
        with gzip.open(raw, "wb", 6) as file:
            yield file
    elif name.endswith(".zip"):
        member = f"stations{form.endings[0]}".rpartition("/")[2]
        with (
            zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(member, "w", force_zip64=True) as file,
        ):
            yield file
    else:
        yield raw
