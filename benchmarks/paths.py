"""Measure the main paths and their ceilings in turn, in rounds."""

from collections import defaultdict
from collections.abc import Callable

from .load import load
from .pgbench import queries_per_second
from .server import gunicorn
from .subjects import API, Subject, mix, subjects

SECONDS = 1  # of a round, for each of what is compared
WARM_SECONDS, SOME = 2, 20  # before the first round, and the number of URLs of each kind
SLOW_SECONDS, SLOW_CONNECTIONS = 3, 2  # for the tutorial's way to the nearest: seconds a request
EMPTY = ["/hand/empty"]
MIX_SECONDS, MIX_CONNECTIONS = 4, (8, 64)
REQUESTS = 500  # of a round, where CPU time is counted

Rates = dict[str, list[float]]


def by_requests(rounds: int, progress: Callable[[int], None]) -> dict[str, Rates]:
    """Measure requests per second over HTTP, with gunicorn's workers as in production."""
    paths: dict[str, Rates] = defaultdict(lambda: defaultdict(list))
    measured = subjects()
    with gunicorn() as port:
        load(port, _some(measured), WARM_SECONDS)
        for round in range(rounds):
            progress(round)
            empty = load(port, EMPTY, SECONDS).rate
            for subject in measured:
                rates = paths[subject.name]
                rates["empty"].append(empty)
                ours = load(port, subject.paths, SECONDS, subject.etag)
                rates["rate"].append(ours.rate)
                rates["p50"].append(ours.p50)
                rates["p99"].append(ours.p99)
                for name, addresses in ceilings(subject).items():
                    rates[name].append(load(port, addresses, SECONDS).rate)
                rates["pgbench"].append(queries_per_second(subject.queries, SECONDS))
        # At the end, as the workers are busy with it for long after the last answer is waited for.
        for subject in measured:
            if subject.in_article == "slow":
                addresses = _at("/article", subject)
                slow = load(port, addresses, SLOW_SECONDS, connections=SLOW_CONNECTIONS)
                paths[subject.name]["article"].append(slow.rate)
    return paths


def of_mix() -> dict[str, dict[str, float]]:
    """Measure a mix of requests over HTTP, with few and with many connections.

    The application may refuse requests while too many are waiting.
    """
    requests = mix()
    found = {}
    with gunicorn() as port:
        load(port, requests, SECONDS)
        for connections in MIX_CONNECTIONS:
            mixed = load(port, requests, MIX_SECONDS, connections=connections, may_fail=True)
            found[str(connections)] = {
                **{"rate": mixed.rate, "p50": mixed.p50, "p99": mixed.p99},
                "failed": 100 * mixed.failed / mixed.requests,
            }
    return found


def by_cpu(rounds: int, progress: Callable[[int], None]) -> dict[str, Rates]:
    """Measure requests per second of CPU time, in this process, without a server."""
    from .cpu import rate  # makes the application when it is imported: the database must be there

    paths: dict[str, Rates] = defaultdict(lambda: defaultdict(list))
    measured = subjects()
    some = _some(measured)
    rate(some, len(some))
    for round in range(rounds):
        progress(round)
        empty = rate(EMPTY, REQUESTS)
        for subject in measured:
            rates = paths[subject.name]
            rates["empty"].append(empty)
            rates["rate"].append(rate(subject.paths, REQUESTS, subject.etag))
            for name, addresses in ceilings(subject).items():
                rates[name].append(rate(addresses, REQUESTS))
    return paths


def _some(measured: list[Subject]) -> list[str]:
    """Return some URLs of each kind, because the first requests open connections and plan."""
    kinds = [EMPTY]
    for subject in measured:
        kinds += [subject.paths, *ceilings(subject).values()]
    return [path for paths in kinds for path in paths[:SOME]]


def ceilings(subject: Subject) -> dict[str, list[str]]:
    """Return the URLs of the ceilings of a subject."""
    found = {"hand": ["/hand/unchanged"] if subject.etag else _at("/hand", subject)}
    if subject.in_article == "fast":
        found["article"] = _at("/article", subject)
    return found


def _at(prefix: str, subject: Subject) -> list[str]:
    return [path.replace(API, prefix) for path in subject.paths]
