"""The result of an import or a dry run, and its texts for the terminal and the page."""

from dataclasses import dataclass, field
from typing import Any

from .feeds import Rejected


@dataclass
class Report:
    """What an import did or, in a dry run, would do, in stations.

    `sources` are those that the feed names itself.
    `farthest` is the code of the station that moved most, and by how many metres. `examples` are
    the first rejected rows. `suspicions` are reasons with their number and the first codes.
    `changes` are some of the added, moved and vanished stations, with their positions. `refused`
    is why nothing was changed, or "", and `forceable` tells whether `force` helps.
    """

    sources: list[str] = field(default_factory=list)
    added: int = 0
    updated: int = 0
    renamed: int = 0
    moved: int = 0
    farthest: tuple[str, float] | None = None
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0
    examples: list[Rejected] = field(default_factory=list)
    vanished: int = 0
    pruned: int = 0
    suspicions: list[tuple[str, int, list[str]]] = field(default_factory=list)
    changes: dict[str, list[list[Any]]] = field(default_factory=dict)
    refused: str = ""
    forceable: bool = False

    def add(self, other: "Report") -> None:
        """Add the report on the stations of a source, compared with the table."""
        for name in ("added", "updated", "renamed", "moved", "unchanged", "vanished", "pruned"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.farthest = max(self.farthest, other.farthest, key=lambda far: far[1] if far else 0)
        self.suspicions += other.suspicions
        for kind, stations in other.changes.items():
            self.changes.setdefault(kind, []).extend(stations)
        self.refused = self.refused or other.refused
        self.forceable = self.forceable or other.forceable

    @property
    def before(self) -> int:
        """How many stations the source had."""
        return self.updated + self.unchanged + self.vanished

    def suspects(self) -> list[str]:
        """Return one line for each kind of suspect."""
        return [
            printable(f"{count:,} {reason}: {', '.join(codes)}{', ...' * (count > len(codes))}")
            for reason, count, codes in self.suspicions
        ]

    def counts(self) -> str:
        """Return all counts in one line."""
        farthest = ""
        if self.farthest:
            code, metres = self.farthest
            farthest = printable(f" (the farthest: {code}, by {metres / 1000:,.1f} km)")
        return (
            f"{self.added:,} added, {self.updated:,} updated, {self.moved:,} moved{farthest}, "
            f"{self.renamed:,} renamed, {self.unchanged:,} unchanged, {self.skipped:,} skipped, "
            f"{self.rejected:,} rejected, {self.vanished:,} vanished"
            + (f", {self.pruned:,} of them deleted" if self.pruned else "")
        )


def printable(text: str) -> str:
    """Replace control characters, so that a feed can't break the line or the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
