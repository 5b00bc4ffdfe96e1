"""The results as Markdown, and compared with those of another run."""

from collections.abc import Iterator
from statistics import median
from typing import Any

Results = dict[str, Any]
"""The results, which `--json` writes.

`cpu` says whether CPU time was measured. `paths` has, for each path, lists with a number for each
round: the `rate` of the application per second, its `p50` and `p99` in milliseconds, and the rate
of each ceiling. `sizes` has the results of growth.py. `mix` has the same figures of the mix of
requests for each number of connections, and the percentage that `failed`.
"""

CEILINGS = {
    "empty": "of `{}`",
    "hand": "of hand-written",
    "pgbench": "of pgbench",
    "article": "times a tutorial's",
}

FIGURES = {
    "rate": ("requests/s", ",.0f"),
    "p50": ("p50, ms", ".1f"),
    "p99": ("p99, ms", ".1f"),
}

LOSS = 0.1  # of a share of a ceiling, beyond which a run is worse than its baseline


def losses(results: Results, baseline: Results) -> list[str]:
    """Return the ratios that are worse than the baseline's by more than LOSS."""
    now, before = dict(_shares(results)), dict(_shares(baseline))
    return [
        f"{name}: {now[name]:.2f}, was {share:.2f}"
        for name, share in before.items()
        if name in now and now[name] < (1 - LOSS) * share
    ]


def _shares(results: Results) -> Iterator[tuple[str, float]]:
    for name, path in results["paths"].items():
        for ceiling, title in CEILINGS.items():
            if ceiling in path:
                yield f"{name}, {title}", median(_share(path, ceiling))
    largest = list(results["sizes"].values())[-1]
    yield from ((name, cost) for name, cost in largest.items() if "share" in name)


def _share(path: dict[str, list[float]], ceiling: str) -> list[float]:
    return [rate / best for rate, best in zip(path["rate"], path[ceiling], strict=False)]


def paths_table(paths: dict[str, dict[str, list[float]]]) -> Iterator[str]:
    """Yield the lines of the table: medians of the rounds, with the lowest and highest ratio."""
    measured = {key for path in paths.values() for key in path}
    figures = {key: figure for key, figure in FIGURES.items() if key in measured}
    ceilings = {key: title for key, title in CEILINGS.items() if key in measured}
    titles = [title for title, _ in figures.values()]
    yield from _head(["path", *titles, *ceilings.values()])
    for name, path in paths.items():
        cells = [format(median(path[key]), form) for key, (_, form) in figures.items()]
        cells += [_spread(_share(path, key)) if key in path else "" for key in ceilings]
        yield _row([name, *cells])


def _spread(shares: list[float]) -> str:
    if len(shares) == 1:  # measured only once
        return _number(shares[0])
    return f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"


def mix_table(mix: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of the table of the mix of requests, for each number of connections."""
    figures = FIGURES | {"failed": ("failed, %", ".2f")}
    yield from _head(["connections", *(title for title, _ in figures.values())])
    for connections, found in mix.items():
        yield _row([connections, *(format(found[key], form) for key, (_, form) in figures.items())])


def sizes_table(sizes: dict[str, dict[str, float]]) -> Iterator[str]:
    """Yield the lines of the table of measurements for each size."""
    yield from _head(["stations", *sizes])
    for name in next(iter(sizes.values())):
        yield _row([name, *(_number(costs.get(name)) for costs in sizes.values())])


def _head(titles: list[str]) -> Iterator[str]:
    yield _row(titles)
    yield _row(["---", *["---:"] * (len(titles) - 1)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    if value is None:  # not measured at this size
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"
