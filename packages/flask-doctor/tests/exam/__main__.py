"""Holds the exam: `make doctor-exam ARGS='--seed 7 --breaks 500'`."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from random import randrange
from threading import Thread

from clusters import BIN

from .breaks import load
from .nursery import Nursery
from .score import Answer, Result, hold, plan
from .server import Server

WORKERS = 2
SLOW = 20  # seconds for a break that are worth telling


def binaries(distribution: bool) -> list[Path]:
    """Return the embedded PostgreSQL, and the distribution's newest if there is one."""
    others = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if distribution else []
    return [BIN, *(path.parent for path in others[-1:])]


@contextmanager
def room(distribution: bool) -> Iterator[tuple[list[Server], Nursery]]:
    """Have servers and a nursery; remove them in the end."""
    nursery = Nursery()
    servers = [Server(path) for path in binaries(distribution)]
    try:
        yield servers, nursery
    finally:
        for server in servers:
            with suppress(Exception):
                server.cluster.remove()
        nursery.close()


def exam(
    seed: str, numbers: dict[int, str], workers: int = WORKERS, distribution: bool = True
) -> Iterator[Result]:
    """Hold the breaks with these numbers and names, and yield the results as they come."""
    left: Queue[tuple[int, str]] = Queue()
    for item in numbers.items():
        left.put(item)
    done: Queue[Result | None] = Queue()

    def work() -> None:
        try:
            with room(distribution) as (servers, nursery), suppress(Empty):
                while True:
                    number, name = left.get_nowait()
                    began = time.monotonic()
                    result = hold(number, seed, name, servers, nursery)
                    result.seconds = time.monotonic() - began
                    done.put(result)
        finally:
            done.put(None)

    threads = [Thread(target=work) for _ in range(min(workers, len(numbers)))]
    for thread in threads:
        thread.start()
    working = len(threads)
    while working:
        result = done.get()
        if result is None:
            working -= 1
        else:
            yield result
    for thread in threads:
        thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(prog="make doctor-exam ARGS=", description=__doc__)
    parser.add_argument("--seed", default=str(randrange(10000)), help="default: a random one")
    parser.add_argument("--breaks", type=int, default=500, help="how many (default: 500)")
    parser.add_argument("--only", type=int, help="the number of one break, told in full")
    parser.add_argument("--kind", default="", help="only kinds whose name has this in it")
    parser.add_argument("--list", action="store_true", help="list the kinds")
    parser.add_argument("--workers", type=int, default=WORKERS)
    options = parser.parse_args()
    load()
    names = dict(enumerate(plan(options.seed, options.breaks, options.kind)))
    if options.list:
        print("\n".join(sorted(set(plan("0", 1000, options.kind)))))
        return
    if options.only is not None:
        names = {options.only: names[options.only]}
    print(f"Seed {options.seed}, {len(names)} set-ups.", flush=True)
    again = f"--seed {options.seed} --breaks {options.breaks}"
    again += f" --kind {options.kind}" if options.kind else ""
    results = []
    started = time.monotonic()
    for result in exam(options.seed, names, options.workers):
        results.append(result)
        tell(result, again, options.only is not None)
        if sys.stderr.isatty():
            print(f"\r{len(results)}/{len(names)}", end="\r", file=sys.stderr)
        elif len(results) % 50 == 0:
            print(f"{len(results)}/{len(names)}, {time.monotonic() - started:.0f} s", flush=True)
    print(table(results))


def tell(result: Result, again: str, fully: bool) -> None:
    """Print what is not as it should be, and what to type to see it again."""
    lines = []
    for answer in result.answers:
        if answer.verdict != "right" or fully:
            lines.append(f"  {answer.verdict:8} {answer.mouth}: {answer.id or 'nothing'}")
            lines += [_last_error(answer)] if answer.id == "" and not fully else []
            lines += [answer.output] if fully else []
    if result.alarm:
        lines.append(f"  false alarm: {result.alarm.id or 'unknown error'}")
        lines += [result.alarm.output] if fully else []
    if result.fix == "failed" or (fully and result.fix):
        lines.append(f"  fix {result.fix}:\n{result.fixing if fully else _short(result.fixing)}")
    lines += [f"  {result.seconds:.0f} seconds"] if result.seconds > SLOW or fully else []
    lines += [f"  destroyed: {what}" for what in result.destroyed]
    lines += ["  the password shows"] if result.leaked else []
    lines += [f"  the exam: {result.trouble}"] if result.trouble else []
    if lines:
        print(f"{result.name} ({result.where}): {'; '.join(result.told)[:300]}")
        print("\n".join(lines))
        print(f"  again: make doctor-exam ARGS='{again} --only {result.number}'", flush=True)


def _last_error(answer: Answer) -> str:
    lines = [line for line in answer.output.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "rror:" in line or '"detail"' in line]
    return f"           {(errors or lines or [''])[-1][:300]}"


def _short(text: str) -> str:
    return "\n".join(f"           {line[:200]}" for line in text.splitlines()[-8:])


def table(results: list[Result]) -> str:
    """Put the figures together, to be pasted into a README."""
    lines = ["", "| | answers | right | unknown | wrong |", "|---|---|---|---|---|"]
    for name, mouths in {
        "`flask doctor`": ["doctor"],
        "note on the traceback": ["note"],
        "both": ["doctor", "note"],
    }.items():
        count = Counter(a.verdict for r in results for a in r.answers if a.mouth in mouths)
        total = sum(count.values()) or 1
        figures = (f"{count[v]} ({count[v] / total:.1%})" for v in ("right", "unknown", "wrong"))
        lines.append(f"| {name} | {sum(count.values())} | {' | '.join(figures)} |")
    broken = [r for r in results if not r.name.startswith("healthy.")]
    well = [r for r in results if r.name.startswith("healthy.") and not r.trouble]
    false = sum(1 for r in results if r.alarm)
    fixes = Counter(r.fix for r in results)
    pasted = fixes["worked"] + fixes["failed"]
    lines += [
        "",
        f"- {len({r.name for r in broken})} kinds of breaks, {len(broken)} set-ups broken, "
        f"{len(well)} healthy ones",
        f"- false alarms: {false}",
        f"- fixes that worked as pasted: {fixes['worked']} of {pasted}"
        + (f" ({fixes['worked'] / pasted:.1%})" if pasted else "")
        + f"; {fixes['by hand']} are for the hand",
        f"- destroyed without saying so: {sum(bool(r.destroyed) for r in results)}",
        f"- passwords shown: {sum(r.leaked for r in results)}",
        f"- troubles of the exam itself: {sum(bool(r.trouble) for r in results)}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
