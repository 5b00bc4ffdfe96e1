"""The ways to break a set-up: a function each, with the entries that name its cause rightly."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# What `flask doctor` must say of a break: its cause; that all is well, as the mistake lies in a
# script of the user's; either.
FINDS, WELL, EITHER = "finds", "well", "either"
FAMILIES = ("settings", "url", "server", "refusals", "privileges", "schema", "migrations")
FAMILIES += ("mappings", "code", "values", "sessions", "sql")


@dataclass(frozen=True)
class Break:
    """One way to break a set-up.

    `do` breaks it, and may return the command that the mistake shows with; None for any that uses
    the database. `right` are the entries that name the cause: broad, as one cause may have several.
    """

    name: str
    do: Callable[[Any], str | None]
    right: frozenset[str] = field(default=frozenset())
    doctor: str = FINDS
    # A migration that fails: before it was tried, it is right that the database is behind.
    ahead: bool = False


BREAKS: dict[str, Break] = {}
HEALTHY: dict[str, Break] = {}


def broken(
    *right: str, doctor: str = FINDS, ahead: bool = False
) -> Callable[[Callable[[Any], str | None]], Callable[[Any], str | None]]:
    """Register a break with the entries that are right."""

    def register(do: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
        family = do.__module__.rpartition(".")[2]
        name = f"{family}.{do.__name__}"
        assert name not in BREAKS
        BREAKS[name] = Break(name, do, frozenset(right), doctor, ahead)
        return do

    return register


def healthy(do: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
    """Register a variation that only looks broken."""
    HEALTHY[do.__name__] = Break(f"healthy.{do.__name__}", do)
    return do


def load() -> None:
    """Import all families."""
    for family in (*FAMILIES, "healthy"):
        import_module(f"{__name__}.{family}")
