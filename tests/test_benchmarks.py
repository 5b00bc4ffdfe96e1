import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from click import ClickException
from click.testing import CliRunner
from postgres import ROOT, databases
from sqlalchemy import make_url

from benchmarks import commands, growth, load, server
from benchmarks.__main__ import main
from benchmarks.report import losses
from stationsapp import embedded


def results(ours: float, by_hand: float, imported: float = 0.5) -> dict:
    paths = {"page": {"rate": [ours, ours * 2], "hand": [by_hand, by_hand * 2]}}
    return {"paths": paths, "sizes": {"10": {"import, share of COPY": imported}}}


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (results(80, 100), []),
        (results(40, 50), []),  # a slower machine
        (results(73, 100), []),
        (results(71, 100), ["page, of hand-written: 0.71, was 0.80"]),
        (results(80, 100, 0.44), ["import, share of COPY: 0.44, was 0.50"]),
    ],
)
def test_a_share_that_is_less_by_a_tenth_is_a_loss(now: dict, lost: list[str]):
    assert losses(now, results(80, 100)) == lost


@pytest.mark.parametrize(
    ("stations", "steps"),
    [(500, [500]), (10_000, [10_000]), (250_000, [10_000, 100_000, 250_000])],
)
def test_the_table_grows_by_powers_of_ten(stations: int, steps: list[int]):
    assert growth.sizes(stations) == steps


# The benchmark in small: it measures all, and each connection asks once.
SMALL = """
from flask import current_app
from benchmarks import commands, growth, load, paths, pgbench, subjects
load.WRK = None
pgbench._length = lambda seconds: ["--transactions", "10"]
paths.SECONDS = paths.WARM_SECONDS = paths.SLOW_SECONDS = paths.MIX_SECONDS = 0
paths.REQUESTS = 10
subjects.SAMPLES = 20
subjects.SLOWER = growth.FEW = 2
"""
MAIN = """
from benchmarks.__main__ import main
main()
"""
# It needn't start a process for each command, which the other mode does.
GROWING = """
def stations(*arguments):
    assert current_app.test_cli_runner().invoke(args=["stations", *arguments]).exit_code == 0
    return commands.Run(seconds=1, megabytes=1)
commands.stations = stations
"""
# Where the paths are measured in another way, the table grows as it did before.
GROWN = """
def fill(feed, folder):
    commands.stations("import", feed)
    return {"export, share of COPY": 1}
growth.fill = fill
"""
PATHS = ("one station", "page of 100", "box of 100", "nearest 10", "not modified (304)")


def bench(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = SMALL + code + MAIN
    command = [sys.executable, "-W", "ignore", "-c", code, "--rounds", "1", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("mode", "ceilings"), [([], {"empty", "hand", "pgbench"}), (["--cpu"], {"empty", "hand"})]
)
def test_every_path_is_measured_and_a_loss_is_told(tmp_path: Path, mode: list, ceilings: set):
    written, baseline = tmp_path / "results.json", tmp_path / "baseline.json"
    before = {"cpu": bool(mode), "paths": {}, "sizes": {"1,000": {"export, share of COPY": 1000}}}
    baseline.write_text(json.dumps(before))
    files = ["--json", str(written), "--compare", str(baseline)]
    run = bench(GROWN if mode else GROWING, *mode, "--stations", "1000", *files)
    assert run.returncode == 1, run.stderr
    assert run.stderr.splitlines()[-2] == "Slower than the baseline:"
    assert run.stderr.splitlines()[-1].endswith(", was 1000.00")
    paths = json.loads(written.read_text())["paths"]
    assert tuple(paths) == PATHS
    for name, path in paths.items():
        assert f"| {name} | " in run.stdout
        assert ceilings | {"rate"} <= set(path)
        assert all(rates[0] > 0 for rates in path.values())
    for connections in () if mode else ("8", "64"):
        assert f"| {connections} | " in run.stdout


@pytest.mark.skipif(not load.WRK, reason="no wrk is installed")
@pytest.mark.usefixtures("sample_stations")
def test_wrk_counts_what_is_answered_and_an_error_is_no_answer(live_url: str):
    port = int(live_url.rpartition(":")[2])
    found = load.load(port, ["/api/stations/1", "/api/stations/2"], 1)
    assert found.requests > 0
    assert 0 < found.p50 <= found.p99
    with pytest.raises(RuntimeError, match="requests failed: /api/stations/0"):
        load.load(port, ["/api/stations/0"], 1)


def test_a_run_has_a_database_of_its_own_and_clears_what_a_killed_one_left(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    killed = f"benchmark_{uuid4().hex[:8]}"
    with closing(embedded.connect(server.DIRECTORY, "postgres")) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute(f"CREATE DATABASE {killed}")
        names = []
        with server.no_database(None):
            names.append(make_url(os.environ["DATABASE_URL"]).database)
            cursor.execute(f"CREATE DATABASE {names[0]}")
            with server.no_database(None):
                names.append(make_url(os.environ["DATABASE_URL"]).database)
                cursor.execute(f"CREATE DATABASE {names[1]}")
                assert set(names) <= set(databases(cursor))
        assert not {killed, *names} & set(databases(cursor))


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("no JSON", "isn't a file that --json has written"),
        ("{}", "isn't a file that --json has written"),
        ('{"cpu": true, "sizes": {"1,000": {}}}', "is from a run with a different --stations"),
        ('{"cpu": false, "sizes": {"2,000": {}}}', "is from a run with a different --stations"),
    ],
)
def test_a_baseline_of_something_else_is_refused_before_anything_is_measured(
    tmp_path: Path, baseline: str, message: str
):
    (tmp_path / "baseline.json").write_text(baseline)
    arguments = ["--stations", "1000", "--compare", str(tmp_path / "baseline.json")]
    run = CliRunner().invoke(main, arguments)
    assert (run.exit_code, message in run.stderr) == (2, True), run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stations", "999"], "is not in the range x>=1000"),
        (["--rounds", "0"], "is not in the range x>=1"),
        (["--json", "nowhere/results.json"], "there is no folder nowhere"),
    ],
)
def test_a_mistake_is_told_before_anything_is_measured(arguments: list[str], message: str):
    run = CliRunner().invoke(main, arguments)
    assert (run.exit_code, message in run.stderr) == (2, True), run.stderr


@pytest.mark.usefixtures("sample_stations")
def test_too_few_stations_to_measure_with_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(commands, "stations", lambda *_: commands.Run(1, 1))
    with pytest.raises(ClickException, match="expected at least 1,000 stations, got 0"):
        growth.fill("sample.csv", tmp_path)


def test_a_command_that_fails_ends_the_run():
    with pytest.raises(ClickException, match=r"flask stations import nowhere\.csv failed"):
        commands.stations("import", "nowhere.csv")
