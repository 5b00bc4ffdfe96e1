"""A world to break: a folder with an application, its database, its role, and its environment."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import psycopg2

from .environment import environment
from .files import Files, Unfit
from .nursery import Nursery
from .server import Server, query
from .setups import FOLDER, Setup

TIMEOUT = 300  # seconds for a command
__all__ = ["Unfit", "World"]


class World(Files):
    """One application, healthy when it is made; breaks change it by these methods."""

    def __init__(
        self,
        setup: Setup,
        server: Server,
        nursery: Nursery,
        random: Random,
        driver: str,
        number: int = 1,
    ) -> None:
        self.setup, self.server, self.nursery, self.random = setup, server, nursery, random
        self.cluster = server.cluster
        self.number = number
        self.root = Path(tempfile.mkdtemp(prefix="world"))
        self.folder = self.root / random.choice(["code", "my app", setup.name])
        self.cwd = self.folder
        super().__init__()
        self.meant: set[str] = set()  # databases that a fix may create
        self.closers: list[Any] = []
        template = self._template()
        shutil.copytree(nursery.folder / setup.name, self.folder)
        special = "".join(random.choices("@:/?#%[]&=+$,;!*'() \"\\", k=random.choice([0, 1, 3])))
        self.password = f"{random.choice(['s3cret', 'Tr0ub', 'pass', 'x'])}{special}{self._word(7)}"
        self.role = random.choice(["mira", "web_user", "flask", "Anna", "app-user"]) + self._n()
        name = random.choice(
            [setup.name, f"{setup.name}_dev", f"My{setup.name}", f"{setup.name}-db"]
        )
        self.database = name + self._n()
        self.url: dict[str, str] = {
            "driver": f"postgresql+{driver}",
            "user": self.role,
            "password": self.password,
            "host": random.choice(["localhost", "127.0.0.1"]),
            "port": str(self.cluster.port),
            "database": self.database,
            "query": "",
        }
        self.driver = driver
        secret = self.password.replace("'", "''")
        may = random.choice(["CREATEDB", ""])
        self.admin(
            f"CREATE ROLE \"{self.role}\" LOGIN PASSWORD '{secret}' {may}",
            f'CREATE DATABASE "{self.database}" TEMPLATE {template}',
            f'ALTER DATABASE "{self.database}" OWNER TO "{self.role}"',
        )
        self.sql(f'REASSIGN OWNED BY made TO "{self.role}"')
        self.environment = environment(self.root, self.nursery, self.cluster)
        self.place = random.choice([".env", ".env", "environment"])
        self.put_url()

    def _n(self) -> str:
        return str(self.number)

    def _word(self, length: int) -> str:
        return "".join(self.random.choices("abcdefghjkmnpqrstuvwxyz23456789", k=length))

    def _template(self) -> str:
        """Make the set-up's database and folder once for each server, migrated and with rows."""
        name, setup = f"tpl_{self.setup.name}", self.setup
        made = self.nursery.folder / setup.name
        if name in self.server.templates:
            return name
        self.admin(f"CREATE DATABASE {name}", f"GRANT CREATE ON DATABASE {name} TO made")
        self.sql("GRANT ALL ON SCHEMA public TO made", database=name)
        kept, self.folder = self.folder, made
        self.environment = environment(self.root, self.nursery, self.cluster)
        url = f"postgresql+psycopg2://made:made@127.0.0.1:{self.cluster.port}/{name}"
        self.environment["DATABASE_URL"] = url
        if not made.exists():
            shutil.copytree(FOLDER / setup.name, made, ignore=shutil.ignore_patterns("__pycache__"))
            if (made / "flaskenv").exists():
                (made / "flaskenv").rename(made / ".flaskenv")
            if setup.versions_made:
                self.cwd = made
                self.do(setup.versions_made)
                for file in (made / "versions").iterdir():
                    file.rename(made / setup.versions / file.name)
                (made / "versions").rmdir()
        self.cwd = made
        self.do(setup.upgrade)
        adding = [
            f"session.add({model}({self.values(model, n)}))\nsession.flush()"
            for model in setup.rows
            for n in range(1, 4)
        ]
        self.do_script("\n".join([*adding, "session.commit()"]))
        for folder in ("bin", "home", "hidden"):
            shutil.rmtree(self.root / folder)
        self.folder = self.cwd = kept
        self.told = []
        self.server.templates.add(name)
        return name

    def values(self, model: str, n: int, **changed: str | None) -> str:
        """Return the arguments that make a new row of a model; None leaves a column out."""
        values = {c: v.format(n=n) for c, v in self.setup.rows[model].items()} | changed
        return ", ".join(f"{c}={v}" for c, v in values.items() if v is not None)

    # What breaks use.

    def admin(self, *statements: str) -> None:
        self.cluster.execute(*statements)

    def sql(self, *statements: str, database: str | None = None) -> None:
        self.cluster.execute(*statements, database=database or self.database)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.cluster, statement, self.database)

    def url_text(self) -> str:
        url = self.url
        secret = f":{quote(url['password'], safe='')}" if url["password"] else ""
        user = quote(url["user"], safe="")
        place = f"{url['host']}:{url['port']}" if url["port"] else url["host"]
        name = quote(url["database"], safe="")
        return f"{url['driver']}://{user}{secret}@{place}/{name}{url['query']}"

    def put_url(self, text: str | None = None) -> None:
        """Write the URL, as it is put together or as given, where this world has it."""
        text = self.url_text() if text is None else text
        if self.place == ".env":
            self.write(".env", f"SECRET_KEY=dev\nDATABASE_URL={text}\n")
        else:
            self.environment["DATABASE_URL"] = text

    def move_url(self, place: str) -> None:
        """Have the URL in the environment or in `.env`, and nowhere else."""
        self.place = place
        self.environment.pop("DATABASE_URL", None)
        (self.folder / ".env").unlink(missing_ok=True)
        self.put_url()

    def change_url(self, **parts: str) -> None:
        self.url |= parts
        self.say(f"the URL's {', '.join(f'{name}: {value!r}' for name, value in parts.items())}")
        self.put_url()

    def model(self, column: str = "") -> str:
        """Choose a model, one that has this column if given."""
        fit = [m for m, row in self.setup.rows.items() if not column or column in row]
        if not fit:
            raise Unfit(f"no model has {column}")
        return self.random.choice(fit)

    def column(self, text: bool = False) -> tuple[str, str]:
        """Choose a model and one of its columns, of text if that is asked for."""
        return self.random.choice(
            [
                (model, column)
                for model, row in self.setup.rows.items()
                for column, value in row.items()
                if (value.startswith("'") and column != "price") or not text
            ]
        )

    def required(self) -> tuple[str, str]:
        """Choose a model and one of its columns that must not be null."""
        rows = self.query(
            "SELECT table_name, column_name FROM information_schema.columns WHERE "
            "is_nullable = 'NO' AND table_schema = 'public' AND column_default IS NULL"
        )
        named = {table: model for model, table in self.setup.tables.items()}
        fit = [
            (named[table], column)
            for table, column in sorted(rows)
            if table in named and column in self.setup.rows[named[table]]
        ]
        return self.random.choice(fit)

    def run(self, command: str, answers: str = "") -> tuple[str, int]:
        """Run a shell command; return all that it prints, and its exit status."""
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
            )
            try:
                process.communicate(answers or None, timeout=TIMEOUT)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()
                output.write("\nThe exam stopped this command: it took too long.\n")
            output.seek(0)
            return output.read(), process.returncode

    def do(self, command: str) -> str:
        output, status = self.run(command)
        assert status == 0, f"{command}: {output}"
        return output

    def script(self, code: str, context: bool = True) -> str:
        """Write a script that uses the models; return the command that runs it."""
        name = self.random.choice(["seed.py", "try_it.py", "import_data.py"])
        self.write(name, self.setup.script(code, context))
        self.say(f"{name}: {code.strip()}")
        return f"python {name}"

    def do_script(self, code: str) -> str:
        return self.do(self.script(code))

    def use(self) -> str:
        """Return a command that uses the database, with each of the models if need be."""
        asks = "\n".join(f"print(session.scalars(select({m})).all())" for m in self.setup.tables)
        module = "wsgi" if (self.folder / "wsgi.py").exists() else "app"
        page = (
            f"from {module} import app; app.testing = True; "
            'print(app.test_client().get("/").get_json())'
        )
        script = self.setup.script(asks)
        return self.random.choice([f"python -c '{script}'", f"python -c '{page}'", "flask report"])

    def close(self) -> None:
        for closer in self.closers:
            with suppress(Exception):
                closer()
        self.server.restore()
        for name in self.server.databases():
            self.admin(f'DROP DATABASE "{name}" WITH (FORCE)')
        roles = query(
            self.cluster, "SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$|made$)'"
        )
        for (role,) in roles:
            with suppress(psycopg2.Error):
                self.admin(f'DROP ROLE "{role}"')
        shutil.rmtree(self.root, ignore_errors=True)
