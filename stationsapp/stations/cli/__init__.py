"""`flask stations ...`: exit status 0 when done, 1 when nothing was changed, 2 for wrong usage."""

from flask import Blueprint

from .exporting import export_command
from .importing import import_command

bp = Blueprint("stations_cli", __name__, cli_group="stations")
bp.cli.help = "Take stations in from feeds, and give them out."
bp.cli.add_command(import_command)
bp.cli.add_command(export_command)
