"""What a server's message points at: the name in the statement, in whatever language it says so."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

QUOTED = re.compile(r"""["“”„«»‹›「『]\s*(.+?)\s*["“”«»‹›」』]""")
NAME = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
DOTTED = re.compile(rf"{NAME}(?:\s*\.\s*{NAME})*")
# libpq shows the line of the statement, and below it a caret under the place.
CARET = re.compile(r"^(?P<line>[^\d\n]{0,12}\d+[^\d\n:]{0,4}: .*)\n(?P<space>[ \t]*)\^", re.M)
# A text in single quotes; libpq cuts long lines, and writes dots there.
LITERAL = re.compile(r"^\.\.\.[^']*'(?=[^']*(?:'[^']*'[^']*)*$)|'(?:[^']|'')*(?:'|$)")
SECRET = re.compile(r"pass|pwd|secret|token", re.I)
# FROM birds AS b, JOIN nests n, UPDATE birds, INSERT INTO birds
SOURCE = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|TABLE|ONLY|USING)\s+(?P<first>{DOTTED.pattern})"
    rf"(?:\s+(?:AS\s+)?(?P<alias>{NAME}))?"
    rf"(?P<more>(?:\s*,\s*{DOTTED.pattern}(?:\s+(?:AS\s+)?{NAME})?)*)",
    re.I,
)
# What may follow a table's name where an alias may.
CLAUSE = re.compile(
    "where|on|using|join|left|right|inner|full|cross|natural|order|group|limit|set|values|"
    "returning|having|union|offset|select|for|default"
)


@dataclass(frozen=True)
class Name:
    """A name as it stands in SQL, `"createdAt"` or `createdAt`."""

    written: str

    @property
    def folded(self) -> str:
        """What PostgreSQL takes it for: without quotes, in lower case."""
        if self.quoted:
            return self.written[1:-1].replace('""', '"')
        return self.written.lower()

    @property
    def quoted(self) -> bool:
        """Tell whether it has double quotes."""
        return self.written.startswith('"')


class Pointed:
    """The place in a statement that an error is about."""

    def __init__(self, error: Any) -> None:
        original = getattr(error, "orig", None) or error
        self.message, _, _ = str(original).partition("\n")
        self._written = self.statement = str(getattr(error, "statement", None) or "")
        caret = CARET.search(str(original))
        self.line = caret["line"] if caret else ""
        self.at = len(caret["space"]) if caret else 0
        self.statement = self.statement or self.line.partition(": ")[2]

    @cached_property
    def said(self) -> list[str]:
        """The names that the message quotes, by whatever quotes."""
        return QUOTED.findall(self.message)

    @cached_property
    def parts(self) -> list[Name]:
        """The parts of the name at the caret (`b.name`), or else of the one that is quoted."""
        match = DOTTED.match(self.line, self.at)
        if match and self.line[match.end() :] == "...":  # libpq has cut it
            whole = [*re.finditer(re.escape(match[0]) + r"[\w$]*", self.statement), match]
            match = next((w for w in whole if w[0] in self.message), whole[0])
        names = [Name(part) for part in re.findall(NAME, match[0])] if match else []
        if names and (not self.said or any(n.folded in self.said[0] for n in names)):
            return names
        said = self.said[0].split(".") if self.said else []
        return [Name(n if re.fullmatch(r"[a-z_][a-z0-9_$]*", n) else f'"{n}"') for n in said]

    @property
    def before(self) -> str:
        """What stands before the place, in its line."""
        return self.line[: self.at].partition(": ")[2]

    @property
    def after(self) -> str:
        """What stands there and after, in its line."""
        return self.line[self.at :]

    def shown(self) -> dict[str, str]:
        """Return the line with a mark below the place, to be shown as it is.

        A driver may have put values into it, which are nobody's business: they are hidden.
        """
        if not self.line:
            return {}
        number, _, line = self.line.partition(": ")
        line = LITERAL.sub(self._hidden, line)
        return {"marked": f"{line}\n{' ' * (self.at - len(number) - 2)}^"}

    def _hidden(self, literal: re.Match[str]) -> str:
        own = literal[0] in self._written and not SECRET.search(self._written)
        return literal[0] if own else re.sub(r"[^']", "*", literal[0])

    def sources(self) -> dict[str, str]:
        """Return the tables that the statement names, by their names and aliases there."""
        found: dict[str, str] = {}
        for match in SOURCE.finditer(self.statement):
            entries = [match["first"] + " " + (match["alias"] or ""), *match["more"].split(",")]
            for entry in filter(str.strip, entries):
                names = [Name(part).folded for part in re.findall(NAME, entry)]
                names = [name for name in names if name != "as"]
                dots = len(re.findall(r"\s*\.\s*", DOTTED.search(entry)[0]))  # type: ignore[index]
                found[names[dots]] = names[dots]
                if len(names) > dots + 1 and not CLAUSE.fullmatch(names[-1]):
                    found[names[-1]] = names[dots]
        return found


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the name that was probably meant: a similar one, or a part of it or of this one."""
    names = [*names]
    return misspelt(name, names) or _part(name.lower(), names)


def misspelt(name: str, names: Iterable[str]) -> str:
    """Return the name that this one is a misspelling of; nothing where none is similar."""
    # Of `relationship` and `Relationship`, the one that begins as this one does.
    alike = sorted(names, key=lambda other: other[:1].isupper() == name[:1].isupper())
    own, folded = _folded(name), {_folded(other): other for other in alike}
    close = [n for n in get_close_matches(own, folded, 1, 0.7) if abs(len(n) - len(own)) <= 2]
    return folded[close[0]] if close else ""


def _folded(name: str) -> str:
    return name.lower().replace("_", "").removesuffix("s")


def _part(own: str, names: list[str]) -> str:
    """Find `full_name` for `name`, or `latitude` for `lati`."""
    for other in names if len(own) > 3 else ():
        n = other.lower()
        if len(n) > 2 and (n.startswith(own) or n.endswith(own) or own.startswith(n)):
            return other
    return ""
