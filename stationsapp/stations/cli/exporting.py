"""`flask stations export`."""

import gzip
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask.cli import with_appcontext

from .. import geo
from ..exporter import export
from ..feeds import Format
from ..feeds.formats import FORMATS, by_name
from .shared import explained, one_line, source_name


def _bbox(ctx: click.Context, param: click.Parameter, value: str | None) -> geo.Box | None:
    if value is None:
        return None
    try:
        west, south, east, north = map(float, value.split(","))
    except ValueError as error:
        raise click.BadParameter("expected west,south,east,north in degrees") from error
    if not geo.is_box(west, south, east, north):
        raise click.BadParameter("expected west,south,east,north in degrees, south below north")
    return west, south, east, north


@click.command("export")
@with_appcontext
@click.argument("location", metavar="FILE|-")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's ending]")
@click.option("--source", callback=source_name, help="Only this source's stations.  [default: all]")
@click.option("--bbox", metavar="W,S,E,N", callback=_bbox, help="Only the stations in this box.")
def export_command(
    location: str, form: str | None, source: str | None, bbox: geo.Box | None
) -> None:
    """Write the stations to a feed; a box whose west is greater than its east is crossing 180°.

    Exit status: 0 when it was written; 1 when not; 2 for wrong usage.
    """
    chosen = FORMATS[form] if form else _form_of(location)
    with explained(location), _output(location, chosen) as file:
        count = export(file, chosen, source, bbox)
    click.echo(f"{count:,} stations exported to {one_line(location)}", err=True)


def _form_of(location: str) -> Format:
    form = FORMATS["csv"] if location == "-" else by_name(location)
    if form is None:
        raise click.UsageError(f"--format: {location} doesn't say, expected {', '.join(FORMATS)}")
    return form


@contextmanager
def _output(location: str, form: Format) -> Iterator[Any]:
    """Open a file that is there when it is whole, packed as its name says."""
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
    except BaseException:
        if not special:
            part.unlink(missing_ok=True)
        raise


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
