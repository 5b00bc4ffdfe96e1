"""What importing and exporting say and take alike."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from ..feeds import FeedError


def source_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Take the value of --source."""
    if value is not None and not (1 <= len(value) <= 100 and value.isprintable()):
        raise click.BadParameter("expected 1 to 100 characters that name the feed")
    return value


@contextmanager
def explained(location: str) -> Iterator[None]:
    """Turn what is wrong with a file into a line and exit status 1."""
    try:
        yield
    except FeedError as error:
        raise click.ClickException(one_line(f"{location}: {error}")) from error
    except BrokenPipeError:
        raise  # nobody reads on: click ends quietly
    except OSError as error:
        name = error.filename or location
        raise click.ClickException(one_line(f"{name}: {error.strerror or error}")) from error


def one_line(text: str) -> str:
    """Keep what a feed says from breaking the line, or the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
