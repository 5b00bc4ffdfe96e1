"""What an import did, or would do, and the words for it: in a terminal and on a page."""

from dataclasses import dataclass, field
from typing import Any

from .feeds import Rejected


@dataclass
class Report:
    """What an import did or, in a dry run, would do, in stations.

    `farthest` is the code and the metres of the station that moved most; `examples` the first of
    the rejected; `suspicions` what is odd, how often, and the first codes; `changes` some of what
    is added, moved and vanished, with its places; `refused` why nothing was changed, "" when all is
    well.
    """

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

    @property
    def before(self) -> int:
        """How many stations the source had."""
        return self.updated + self.unchanged + self.vanished

    def suspects(self) -> list[str]:
        """Say what is odd, each in a line."""
        return [
            printable(f"{count:,} {reason}: {', '.join(codes)}{', ...' * (count > len(codes))}")
            for reason, count, codes in self.suspicions
        ]

    def counts(self) -> str:
        """Say all numbers in a line."""
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
    """Keep what a feed says from breaking the line, or the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
