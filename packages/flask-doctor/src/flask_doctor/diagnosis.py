"""An entry of the catalogue with the facts of a case: what is said, and how it is written."""

import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

from .catalogue import Entry

PAGE = "Flask-Doctor's docs/errors.md"
# What the texts are filled with where nothing is known, beside the name in capitals (`DATABASE`);
# docs/errors.md is written with these.
UNKNOWN = {
    "flask": "flask",
    "bare": "flask",
    "python": "python",
    "psql": "psql -h HOST -p PORT -U postgres",
    "start": "sudo systemctl start postgresql",
    "file": ".env",
    "place": "the line that the traceback ends with",
    "detail": "",
    "server_detail": "",
    "server_hint": "",
    "package": "psycopg2-binary",
    "seen": "",
    "but": "",
    "missing": "the doctor names them.",
    "session": "db.session",
    "in_model": "in the model",
    # Flask-Migrate's; another tool has its own.
    "upgrade": "flask db upgrade",
    "migrate": "flask db migrate -m",
    "revise": "flask db revision -m",
    "stamp": "flask db stamp",
    "merge": "flask db merge heads -m merge",
    "init": "flask db init",
}
# Facts that are shell commands already.
TOOLS = ("upgrade", "migrate", "revise", "stamp", "merge", "init")
COMMANDS = {"flask", "bare", "python", "psql", "start", "install", "activate", "go", *TOOLS}
# Facts that are whole lines of a fix: where they aren't known, it goes without, and without the
# sentence that leads to them with a colon.
OPTIONAL = re.compile(r"\{(before|after|sql|later|marked)\}")
# What is pasted or edited as it stands; all other lines are sentences.
VERBATIM = ("$ ", "- ", "+ ", "| ")
PROMPT = re.compile(r"(\S+)=# (.*)")
CODE = re.compile(r"[-+$|] |\S+=# ")
WRITTEN = re.compile(r"\{(edit|look|ends)\}")
START = {"darwin": "brew services start postgresql", "win32": "net start postgresql"}


class Facts(dict[str, str]):
    """Facts by name; an unknown one is its name in capitals, which nobody takes for a fact."""

    def __missing__(self, name: str) -> str:
        return name.upper()


@dataclass(frozen=True)
class Diagnosis:
    """One entry, and the facts that its texts are filled with (never a password among them)."""

    entry: Entry
    facts: dict[str, str] = field(default_factory=dict)
    where: str = ""  # the line of the user's own code
    ruled_out: str = ""  # what is known to work, in a sentence

    @property
    def title(self) -> str:
        """What happened, in a line."""
        return self.entry.title.format_map(self._facts)

    @property
    def why(self) -> str:
        """The cause, in prose."""
        return " ".join(self.entry.why.format_map(self._facts).split())

    @property
    def fix(self) -> list[str]:
        """The fix, line by line: sentences, commands (`$ ...`), and edits (`- ...`, `+ ...`)."""
        facts = self._facts
        known = [n for n in self.entry.fix if facts.keys() >= set(OPTIONAL.findall(n))]
        lines = [filled for line in known for filled in _lines(line, facts)]
        # What was to follow a sentence's colon isn't known: it goes, too.
        kept = [
            line
            for line, following in pairwise([*lines, ""])
            if CODE.match(line) or not line.endswith(":") or CODE.match(following)
        ]
        return kept or [f"{line[:-1]}." for line in lines if line.endswith(":")]

    @property
    def steps(self) -> list[list[str]]:
        """The fix step by step: a sentence, and the commands and edits that belong to it."""
        steps: list[list[str]] = []
        for line in self.fix:
            if line.startswith(VERBATIM) and steps:
                steps[-1].append(line)
            else:
                steps.append([line])
        return steps

    @property
    def _facts(self) -> dict[str, str]:
        names = Facts((name, quoted(value)) for name, value in self.facts.items())
        sql = {n: v.format_map(names) for n, v in self.entry.defaults.items() if n == "sql"}
        return Facts(UNKNOWN | dict(self.entry.defaults) | sql | self.facts)

    def text(self) -> str:
        """Write it for a terminal or a traceback."""
        lines = [f"{self.entry.id}: {self.title}"]
        lines += [f"  Why: {self.why}"] if self.why else []
        lines += [f"  Where: {self.where}"] if self.where else []
        lines += [f"  Ruled out: {self.ruled_out}"] if self.ruled_out else []
        lines += ["  Fix:"]
        for number, step in enumerate(self.steps, 1):
            mark = f"{number}. " if len(self.steps) > 1 else ""
            lines += [f"    {mark}{step[0]}"]
            indent = f"    {' ' * len(mark)}"
            lines += [indent + line.replace("\n", f"\n{indent}| ") for line in step[1:]]
        return "\n".join([*lines, f"  More: {PAGE}#{self.entry.id}"])

    def json(self) -> dict[str, Any]:
        """Write it for machines."""
        return {
            "id": self.entry.id,
            "title": self.title,
            "where": self.where,
            "why": self.why,
            "ruled_out": self.ruled_out,
            "fix": self.fix,
            "action": self.entry.action,
            "more": f"{PAGE}#{self.entry.id}",
        }


def quoted(name: str) -> str:
    """Write a name for SQL."""
    return '"{}"'.format(name.replace('"', '""'))


def _lines(line: str, facts: Mapping[str, str]) -> list[str]:
    """Fill a line; one that is nothing but `{name}` stands for the lines that a rule wrote."""
    if written := WRITTEN.fullmatch(line):
        known = dict(facts).get(written[1], "")
        return [_fill(own, facts) for own in known.split("\n") if own]
    return [_fill(line, facts).rstrip()]


def _fill(line: str, facts: Mapping[str, str]) -> str:
    if prompt := PROMPT.fullmatch(line):
        names = Facts((name, quoted(value)) for name, value in facts.items())
        names |= {name: facts[name] for name in ("sql", "later")}
        database = shlex.quote(prompt[1].format_map(facts))
        return f"$ {facts['psql']} -d {database} -c {shlex.quote(prompt[2].format_map(names))}"
    if line.startswith("$ "):
        return line.format_map(
            Facts((name, v if name in COMMANDS else shlex.quote(v)) for name, v in facts.items())
        )
    return line.format_map(facts).rstrip()


def command_facts(commands: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Return how programs are called in this environment, for this application.

    `commands` are those of the tool that runs the migrations, each beginning with the program.
    """
    flask = " ".join([program("flask"), *map(shlex.quote, app_arguments())])
    programs = {"flask": flask, "alembic": program("alembic"), "python": program("python")}
    known = {name: UNKNOWN[name] for name in TOOLS}
    facts = {}
    for name, command in (known | dict(commands)).items():
        called, _, rest = command.partition(" ")
        facts[name] = f"{programs[called]} {rest}"
    return facts | {"flask": flask, "python": programs["python"]}


def app_arguments() -> list[str]:
    """Return `--app ...` as this process was given it; Flask finds wsgi.py and app.py by itself."""
    for option, value in pairwise([*sys.argv, ""]):
        if option in ("--app", "-A"):
            return ["--app", value]
        if option.startswith("--app="):
            return [option]
    script = Path(sys.argv[0])  # as in `python shop.py`
    named = script.suffix == ".py" and script.name not in ("app.py", "wsgi.py", "__main__.py")
    return ["--app", str(script)] if named and "site-packages" not in script.parts else []


def program(name: str) -> str:
    """Return how a program of this environment is called here, by its name or its path."""
    own = Path(sys.executable).with_name(name)
    if name == "python":
        own = own if own.exists() else Path(sys.executable)
    elif not own.exists() and not shutil.which(name):  # as in a home, which is not on PATH
        return f"{program('python')} -m {name}"
    if shutil.which(own.name) == str(own) or not own.exists():
        return own.name
    near = own.is_relative_to(Path.cwd())
    return shlex.quote(str(own.relative_to(Path.cwd()) if near else own))


def server_facts(host: str, port: str, role: str, database: str) -> dict[str, str]:
    """Return the facts of a server, as far as they are known, and the commands that manage it."""
    known = {"host": host, "port": port, "role": role, "database": database}
    known = {name: value for name, value in known.items() if value}
    psql = f"psql -h {shlex.quote(host or 'HOST')} -p {port or 'PORT'} -U postgres"
    # Debian's way: the administrator comes in by the socket, as the system user `postgres`.
    socket = Path(f"/var/run/postgresql/.s.PGSQL.{port}")
    local = host in ("localhost", "127.0.0.1", "::1", str(socket.parent))
    try:
        if local and socket.owner() == "postgres":
            psql = f"sudo -u postgres psql -p {port}"
    except (OSError, KeyError, NotImplementedError):
        pass
    return known | {"psql": psql, "start": START.get(sys.platform, UNKNOWN["start"])}


def masked(text: str, password: str | None = None) -> str:
    """Return the text with the passwords of its URLs, and this one, replaced by `***`."""
    text = re.sub(r"([?&](?:ssl)?password=)[^\s&]+", r"\1***", text)
    text = re.sub(r"(?<=://)([^\s:/@]*):\S*@", r"\1:***@", text)
    if password:
        # As a word: a password such as `app` is a part of many others.
        for form in (
            password,
            repr(password)[1:-1],
            quote(password, safe=""),
            quote_plus(password),
        ):
            text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "***", text)
    return text
