"""A world to break: a folder with an application, its database, its role, and its environment."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import psycopg2

from .nursery import Nursery
from .server import Server, query
from .setups import FOLDER, Setup

TIMEOUT = 60  # seconds for a command
# What the administrator's commands are in a world: there is no password to ask for.
SUDO = """\
#!/bin/sh
while [ "${1#-}" != "$1" ]; do if [ "$1" = -u ]; then user=$2; shift; fi; shift; done
case "$1" in systemctl|service|pg_ctlcluster) exec sh "$EXAM_START";; esac
exec "$@"
"""
PIP = """\
#!/bin/sh
for name in "$@"; do rm -f "$EXAM_HIDDEN/$(echo "$name" | sed 's/-binary//; s/\\[.*//')".py; done
"""


START = '#!/bin/sh\nexec sh "$EXAM_START"\n'
NOTHING = "#!/bin/sh\nexit 1\n"
# What would reach beyond the world, by what stands in its place.
PROGRAMS = {"sudo": SUDO, "pip": PIP, "apt": NOTHING, "apt-get": NOTHING, "killall": NOTHING}
PROGRAMS |= dict.fromkeys(("service", "systemctl", "pg_ctlcluster", "brew", "net"), START)


class Unfit(Exception):  # noqa: N818
    """This break can't happen to this set-up."""


class World:
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
        self.told: list[str] = []
        self.closers: list[Any] = []
        template = self._template()
        shutil.copytree(nursery.folder / setup.name, self.folder)
        special = "".join(random.choices("@:/?#%[]&=+$,;!*'() \"\\", k=random.choice([0, 1, 3])))
        self.password = f"{random.choice(['s3cret', 'Tr0ub', 'pass', 'x'])}{special}{self._word(7)}"
        self.role = random.choice(["susan", "web_user", "flask", "Anna", "app-user"]) + self._n()
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
        self.environment = self._environment()
        self.place = random.choice([".env", ".env", "environment"])
        self.put_url()

    def _n(self) -> str:
        return str(self.number)

    def _word(self, length: int) -> str:
        return "".join(self.random.choices("abcdefghjkmnpqrstuvwxyz23456789", k=length))

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLASK_", "APP_CONFIG", "DATABASE_", "PG", "PYTHON", "WEB_"))
        }
        own = self.root / "bin"
        home = self.root / "home"
        hidden = self.root / "hidden"
        for folder in (own, home, hidden):
            folder.mkdir()
        for name, script in PROGRAMS.items():
            (own / name).write_text(script)
            (own / name).chmod(0o755)
        path = [self.nursery.bin, own, Path(sys.executable).parent, self.cluster.binaries]
        return kept | {
            "PATH": os.pathsep.join([*map(str, path), kept["PATH"]]),
            "HOME": str(home),
            "PYTHONPATH": str(hidden),
            "PYTHONDONTWRITEBYTECODE": "1",
            "EXAM_HIDDEN": str(hidden),
            "EXAM_START": str(self.cluster.folder / "start.sh"),
        }

    def _template(self) -> str:
        """Make the set-up's database and folder once for each server, migrated and with rows."""
        name, setup = f"tpl_{self.setup.name}", self.setup
        made = self.nursery.folder / setup.name
        if name in self.server.templates:
            return name
        self.admin(f"CREATE DATABASE {name}", f"GRANT CREATE ON DATABASE {name} TO made")
        self.sql("GRANT ALL ON SCHEMA public TO made", database=name)
        kept, self.folder = self.folder, made
        self.environment = self._environment()
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

    def say(self, what: str) -> None:
        """Note what was broken, for whoever reads the exam's answers."""
        self.told.append(what)

    def admin(self, *statements: str) -> None:
        self.cluster.execute(*statements)

    def sql(self, *statements: str, database: str | None = None) -> None:
        self.cluster.execute(*statements, database=database or self.database)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return query(self.cluster, statement, self.database)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text that must be there."""
        content = self.read(name)
        if old not in content:
            raise Unfit(f"{name} has no {old!r}")
        self.write(name, content.replace(old, new, 1))
        self.say(f"{name}: {old.strip()!r} -> {new.strip()!r}")

    def sub(self, name: str, old: str, new: str) -> None:
        """Replace one random match of a pattern that must be there."""
        content = self.read(name)
        matches = list(re.finditer(old, content, re.M))
        if not matches:
            raise Unfit(f"{name} has no {old!r}")
        match = self.random.choice(matches)
        with_groups = match.expand(new)
        self.write(name, content[: match.start()] + with_groups + content[match.end() :])
        self.say(f"{name}: {match[0].strip()!r} -> {with_groups.strip()!r}")

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

    def add_attribute(self, model: str, name: str, kind: str) -> None:
        """Give a model one more column, in its own style."""
        own = self.setup.columns == "db."
        python = {"Integer": "int", "String": "str"}[kind]
        line = (
            f"    {name} = db.Column(db.{kind})"
            if own
            else f"    {name}: Mapped[{python} | None] = mapped_column()"
        )
        content = self.read(self.setup.models)
        start = content.index(f"class {model}(")
        end = (content.find("\n\n\n", start) + 1 or len(content)) - 1
        self.write(self.setup.models, f"{content[:end].rstrip()}\n{line}\n{content[end:]}")

    def revisions(self) -> dict[str, tuple[str, str | None]]:
        """Return the revision and the one before it, by file."""
        found = {}
        for file in sorted((self.folder / self.setup.versions).glob("*.py")):
            own = re.search(r'^revision = "(.*)"', file.read_text(), re.M)
            down = re.search(r'^down_revision = "(.*)"', file.read_text(), re.M)
            if own:
                found[file.name] = own[1], down[1] if down else None
        return found

    def head(self) -> str:
        pairs = self.revisions().values()
        return next(own for own, _ in pairs if own not in {down for _, down in pairs})

    def add_migration(
        self, code: str, revision: str = "cafe00000001", down: str = "", run: bool = False
    ) -> None:
        """Write one more migration."""
        down = down or self.head()
        self.write(
            f"{self.setup.versions}/{revision}_change.py",
            f'"""change"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            f'revision = "{revision}"\ndown_revision = "{down}"\nbranch_labels = None\n'
            f"depends_on = None\n\n\ndef upgrade():\n    {code}\n\n\n"
            "def downgrade():\n    pass\n",
        )
        if run:
            self.do(self.setup.upgrade)

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
