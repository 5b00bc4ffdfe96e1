import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.growth import sizes
from benchmarks.report import losses

ROOT = Path(__file__).parent.parent


def results(ours: float, by_hand: float, imported: float = 0.5) -> dict:
    paths = {"page": {"rate": [ours, ours * 2], "hand": [by_hand, by_hand * 2]}}
    return {"paths": paths, "sizes": {"10": {"import, share of COPY": imported}}}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (results(80, 100), []),
        (results(40, 50), []),  # a slower machine
        (results(73, 100), []),
        (results(71, 100), ["page, of hand-written: 0.71, and 0.80 before"]),
        (results(80, 100, 0.44), ["import, share of COPY: 0.44, and 0.50 before"]),
    ],
)
def test_a_share_that_is_less_by_a_tenth_is_a_loss(now: dict, lost: list[str]):
    assert losses(now, results(80, 100)) == lost


@pytest.mark.parametrize(
    ("stations", "steps"),
    [(500, [500]), (10_000, [10_000]), (250_000, [10_000, 100_000, 250_000])],
)
def test_the_table_grows_by_powers_of_ten(stations: int, steps: list[int]):
    assert sizes(stations) == steps


COMMAND = [sys.executable, "-W", "ignore", "-m", "benchmarks", "--rounds", "1"]
PATHS = ("one station", "page of 100", "box of 100", "nearest 10", "not modified (304)")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_a_benchmark_measures_every_path_and_equals_itself(tmp_path: Path):
    written = tmp_path / "results.json"
    for mode in ([], ["--cpu"]):  # one after the other: they share a database and a port
        run = bench(*mode, "--stations", "2000", "--json", str(written))
        assert run.returncode == 0, run.stderr
        for path in PATHS:
            assert f"| {path} | " in run.stdout
        found = json.loads(written.read_text())
        assert losses(found, found) == []


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("no JSON", "is not what --json writes"),
        ("{}", "is not what --json writes"),
        ('{"cpu": true, "sizes": {"1,000": {}}}', "is of a run with another --stations"),
        ('{"cpu": false, "sizes": {"2,000": {}}}', "is of a run with another --stations"),
    ],
)
def test_a_baseline_of_something_else_is_refused_before_anything_is_measured(
    tmp_path: Path, baseline: str, message: str
):
    (tmp_path / "baseline.json").write_text(baseline)
    run = bench("--stations", "1000", "--compare", str(tmp_path / "baseline.json"))
    assert (run.returncode, message in run.stderr) == (2, True), run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stations", "999"], "is not in the range x>=1000"),
        (["--rounds", "0"], "is not in the range x>=1"),
        (["--json", "nowhere/results.json"], "there is no folder nowhere"),
        (["--file", "nowhere.csv"], "Error: flask stations import nowhere.csv"),
        (["--file", "stationsapp/stations/sample.csv"], "at least 1,000 stations, got 271"),
    ],
)
def test_a_mistake_is_told_without_a_traceback(arguments: list[str], message: str):
    run = bench(*arguments)
    assert run.returncode in {1, 2}
    assert message in run.stderr
    assert "Traceback" not in run.stderr
