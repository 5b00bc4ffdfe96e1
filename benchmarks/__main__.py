"""The command line of the benchmark: `python -m benchmarks --help`."""

import json
import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from flask import current_app
from flask_migrate import upgrade

from stationsapp import create_app
from stationsapp.postgres import create_database

from . import growth, paths
from .report import Results, losses, mix_table, paths_table, sizes_table
from .server import no_database


@click.command()
@click.option(
    "--stations",
    type=click.IntRange(growth.FEWEST),
    default=1_000_000,
    show_default=True,
    help="How many stations to generate.",
)
@click.option("--file", "feed", help="Measure with the stations of a feed instead, in any format.")
@click.option("--server", help="Measure on this PostgreSQL: the URL of a superuser.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many times each path is measured.",
)
@click.option(
    "--cpu",
    is_flag=True,
    help="Measure CPU time in one process, which is steadier on a busy machine.",
)
@click.option(
    "--json", "output", type=click.Path(path_type=Path), help="Write the results to this file."
)
@click.option(
    "--compare",
    "baseline",
    type=click.Path(path_type=Path, exists=True),
    help="Exit with 1 if a ratio is a tenth worse than in these results.",
)
def main(
    stations: int,
    feed: str | None,
    server: str | None,
    rounds: int,
    cpu: bool,
    output: Path | None,
    baseline: Path | None,
) -> None:
    """Measure the main paths, and compare them with what is possible on this machine.

    It uses its own embedded PostgreSQL, unless you set --server. If `wrk` is installed, it
    generates the load.
    """
    say = partial(click.echo, err=True)
    if output and not output.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {output.parent}")
    names = [feed] if feed else [f"{size:,}" for size in growth.sizes(stations)]
    before = _read(baseline, names, cpu) if baseline else None
    with no_database(server), TemporaryDirectory() as name, create_app().app_context():
        folder = Path(name)
        create_database(current_app)
        upgrade()
        results: Results = {"cpu": cpu, "sizes": {}}
        if feed:
            results["sizes"][feed] = growth.fill(feed, folder)
        for size in [] if feed else growth.sizes(stations):
            say(f"Loading {size:,} stations ...")
            results["sizes"][f"{size:,}"] = growth.grow(size, folder)
        click.echo("\n".join(["", *sizes_table(results["sizes"]), ""]))
        measure = paths.by_cpu if cpu else paths.by_requests
        results["paths"] = measure(rounds, lambda round: say(f"Round {round + 1} of {rounds} ..."))
        click.echo("\n".join(["", *paths_table(results["paths"]), ""]))
        if not cpu:
            results["mix"] = paths.of_mix()
            click.echo("\n".join(mix_table(results["mix"])))
    if output:
        output.write_text(json.dumps(results, indent=1))
    if before and (lost := losses(results, before)):
        say("\n".join(["Slower than the baseline:", *lost]))
        sys.exit(1)


def _read(baseline: Path, sizes: list[str], cpu: bool) -> Results:
    """Return the results of a run, if it can be compared with one of these sizes."""
    try:
        results: Results = json.loads(baseline.read_text())
        same = results["cpu"] == cpu and list(results["sizes"]) == sizes
    except (ValueError, TypeError, KeyError) as error:
        raise click.UsageError(f"{baseline} isn't a file that --json has written") from error
    if not same:
        raise click.UsageError(
            f"{baseline} is from a run with a different --stations, --file or --cpu"
        )
    return results


if __name__ == "__main__":
    main()
