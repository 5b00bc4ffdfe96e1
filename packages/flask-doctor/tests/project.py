"""A small application in a folder of its own, with nothing but `Doctor().init_app(app)`."""

import os
import re
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(sys.executable).parent
APP = """\
import os

from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from flask_doctor import Doctor

db = SQLAlchemy()
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db.init_app(app)
Migrate(app, db)
Doctor().init_app(app)


class Bird(db.Model):
    __tablename__ = "birds"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


@app.get("/")
def index():
    return {"birds": db.session.query(Bird).count()}
"""


class Project:
    """A folder with an `app.py`, on a database that needn't exist."""

    def __init__(self, folder: Path, url: str, programs: Path = PROGRAMS) -> None:
        self.folder = folder
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("FLASK_", "APP_CONFIG", "DATABASE_"))
        }
        path = os.pathsep.join(map(str, [programs, PROGRAMS, self.environment["PATH"]]))
        self.environment |= {"DATABASE_URL": url, "PATH": path}
        self.write("app.py", APP)

    def write(self, name: str, content: str) -> None:
        (self.folder / name).write_text(content)

    def edit(self, name: str, old: str, new: str) -> None:
        content = (self.folder / name).read_text()
        assert old in content
        self.write(name, content.replace(old, new))

    def run(self, command: str) -> str:
        """Run a shell command and return all that it prints; the exit code comes last."""
        done = subprocess.run(
            f"{command} 2>&1; echo exit $?",
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return done.stdout

    def do(self, command: str) -> str:
        """Run a command that must succeed."""
        output = self.run(command)
        assert output.endswith("exit 0\n"), output
        return output

    def diagnosis(self, command: str = "flask doctor", message: str = "") -> str | None:
        """Run a command that says this, and return the id of the only entry that explains it."""
        self.output = self.run(command)
        assert message in self.output
        ids = re.findall(r"^\s*([a-z-]+): .+\n +Why: ", self.output, re.MULTILINE)
        assert len(ids) <= 1, self.output
        return ids[0] if ids else None

    def commands(self) -> list[str]:
        """Return the commands that the last diagnosis printed."""
        return re.findall(r"^ +(?:\d+\. )?\$ (.*)$", self.output, re.MULTILINE)

    def run_fix(self) -> None:
        """Run the commands that the last diagnosis printed, as they are printed."""
        commands = self.commands()
        assert commands
        for command in commands:
            self.run(command)
