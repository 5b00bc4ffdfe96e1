"""What an application and its model are called, and which names can't be used."""

import builtins
import keyword
import re
import sys
from importlib.metadata import packages_distributions
from typing import NamedTuple

IRREGULAR = {"person": "people", "child": "children", "man": "men", "woman": "women"}
LONGEST = 30  # characters, so that lines stay short enough
# What lies beside the package in the new folder, or has a meaning for PostgreSQL.
TAKEN = {"config", "wsgi", "tests", "migrations", "packages", "build", "instance", "postgres"}


class RefusedError(Exception):
    """A name that can't be used; the message says why."""


class Names(NamedTuple):
    """The names: `package` and `plural` in lower_case, `model` in CamelCase."""

    package: str
    model: str
    plural: str

    @property
    def singular(self) -> str:
        """The model's name in lower_case."""
        return snake(self.model)


def snake(camel: str) -> str:
    """Return a name in CamelCase as lower_case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", camel).lower()


def plural_of(singular: str) -> str:
    """Return the usual plural of an English noun in lower_case."""
    *before, noun = singular.split("_")
    if noun in IRREGULAR:
        noun = IRREGULAR[noun]
    elif re.search(r"[^aeiou]y$", noun):
        noun = f"{noun[:-1]}ies"
    elif noun.endswith(("s", "x", "z", "ch", "sh")):
        noun = f"{noun}es"
    else:
        noun = f"{noun}s"
    return "_".join([*before, noun])


def checked(package: str, model: str, plural: str, used: set[str]) -> Names:
    """Return the names. Raises RefusedError.

    `used` are the names that the starter's code has for other things.
    """
    _check_package(package)
    if not re.fullmatch(r"([A-Z][a-z0-9]+)+", model) or len(model) > LONGEST:
        raise RefusedError(_expected("MODEL", model, "a noun such as Shop or CoffeeShop"))
    names = Names(package, model, plural or plural_of(snake(model)))
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", names.plural) or len(plural) > LONGEST:
        raise RefusedError(_expected("PLURAL", plural, "a plural such as coffee_shops"))
    if names.plural == names.singular:
        raise RefusedError(f"PLURAL={plural}: expected another word than for one {names.singular}")
    for word in (names.singular, names.plural, model):
        if keyword.iskeyword(word) or keyword.issoftkeyword(word) or hasattr(builtins, word):
            raise RefusedError(f"MODEL={model}: {word} is a word of Python's, use another")
        if word in used:
            raise RefusedError(f"MODEL={model}: the starter uses {word} for something else")
    return names


def _check_package(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or len(name) > LONGEST:
        raise RefusedError(_expected("NAME", name, "lower-case letters, such as shops"))
    if keyword.iskeyword(name):
        raise RefusedError(f"NAME={name}: this is a word of Python's, use another")
    if name in {*sys.stdlib_module_names, "test"} or name in packages_distributions():
        raise RefusedError(f"NAME={name}: this is the name of an installed module, use another")
    if name in TAKEN:
        raise RefusedError(f"NAME={name}: the application has something else of this name")


def _expected(setting: str, value: str, what: str) -> str:
    if not value:
        return f"{setting} is missing: run, for example, make new NAME=shops MODEL=Shop"
    return f"{setting}={value}: expected {what}, of at most {LONGEST} characters"
