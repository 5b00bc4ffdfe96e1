"""Defines models that are wrong, each in a process of its own, and tells what the doctor says.

Reads `{name: [models, use]}` as JSON, and writes `{name: [entry, text, after the fix]}`.
"""

import gc
import json
import os
import re
import sys
import tempfile
import traceback
import types
import warnings
from pathlib import Path

from flask_doctor.recognise import diagnose
from sqlalchemy import create_engine
from sqlalchemy.exc import ArgumentError, InvalidRequestError
from sqlalchemy.orm import clear_mappers

HEAD = """\
import enum
from datetime import datetime
from typing import Any, Optional

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import *
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.associationproxy import association_proxy
from sqlalchemy.orm import *

app = Flask("app")
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://nobody@127.0.0.1:1/nothing"
db = SQLAlchemy(app)
app.app_context().push()


class Base(DeclarativeBase):
    pass


class Station(db.Model):
    __tablename__ = "stations"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String)


class Bird(Base):
    __tablename__ = "birds"
    id: Mapped[int] = mapped_column(primary_key=True)


"""
# As the first query does, and as create_all and migrations do, for each base.
USE = """
from models import *
configure_mappers()
mock = create_mock_engine(
    "postgresql+psycopg2://", lambda sql, *_: sql.compile(dialect=mock.dialect)
)
for metadata in (db.metadata, Base.metadata):
    metadata.create_all(mock)
"""


def module(name: str) -> types.ModuleType:
    """Return a new module, which others can import."""
    made = sys.modules[name] = types.ModuleType(name)
    made.__file__ = os.path.abspath(f"{name}.py")
    return made


def run(models: str, use: str, begun: types.ModuleType | None = None) -> BaseException | None:
    """Write the files and run them, but for the head of what is begun; return their error."""
    Path("models.py").write_text(HEAD + models)
    Path("use.py").write_text(USE + use)
    # As if the head stood before them: its lines count.
    models = "\n" * HEAD.count("\n") + models if begun else HEAD + models
    try:
        for made, code in [(begun or module("models"), models), (module("use"), USE + use)]:
            exec(compile(code, made.__file__, "exec"), vars(made))
    except Exception as error:
        return error
    return None


def fixed(models: str, fix: list[str]) -> str | None:
    """Return the models after the edits of a fix; None where it has none that fit."""
    before, owner = None, ""
    for line in fix:
        if named := re.search(r" to (?:model )?(\w+)[:,]", line):
            owner = named[1]
        if line.startswith("- "):
            before = line[2:]
        elif line.startswith("+ ") and before:
            if before not in models:
                return None
            models, before = models.replace(before, line[2:]), None
        elif line.startswith("+ from "):
            models = f"{line[2:]}\n{models}"
        elif line.startswith("+ ") and owner:
            head = re.search(rf"class {owner}\(.*\n", models)
            if head is None:
                return None
            models = models.replace(head[0], f"{head[0]}    {line[2:]}\n")
            owner = ""  # what follows is another way
    return models


def answer(models: str, use: str, begun: types.ModuleType) -> list[str | bool | None]:
    """Return the entry and its text for an error, and whether its fix helps."""
    error = run(models, use, begun)
    if error is None:
        return ["", "", None]
    found = diagnose(error)
    if found is None:
        return ["unknown", "".join(traceback.format_exception(error)), None]
    after = fixed(models, found.fix)
    if after in (None, models):
        return [found.entry.id, found.text(), None]
    read, write = os.pipe()
    if os.fork() == 0:  # the models of before are defined here
        clear_mappers()
        again = run(after, use)
        os.write(write, repr(again).encode()[:4000] if again else b"")
        os._exit(0)
    os.close(write)
    return [found.entry.id, found.text(), open(read).read()]


def main() -> None:
    warnings.simplefilter("ignore")
    create_engine("postgresql+psycopg2://")
    for kind in (AttributeError, TypeError, ArgumentError, InvalidRequestError):
        diagnose(kind("nothing"))
    os.chdir(tempfile.mkdtemp())
    # What is imported and defined here is so for all.
    begun = module("models")
    exec(compile(HEAD, begun.__file__, "exec"), vars(begun))
    answers = {}
    gc.freeze()  # so that the processes share the memory
    for name, (models, use) in json.load(sys.stdin).items():
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(read)
            with open(write, "w") as pipe:
                json.dump(answer(models, use, begun), pipe)
            os._exit(0)
        os.close(write)
        with open(read) as pipe:
            answers[name] = json.load(pipe)
        os.wait()
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
