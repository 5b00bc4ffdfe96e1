"""Judges a fault by its clients' answers, and makes its row of the table."""

from collections import Counter
from typing import NamedTuple

from .client import Answer
from .world import Fault

LONGEST = 5.0  # seconds for any request
HEALTH = 1.0  # and for a health check
BACK = 2.0  # until all requests succeed again
UNNOTICED = 1.0  # for a request that has nothing to do with the fault
HEAD = ("fault", "longest request", "health check", "answers", "back after", "lost", "result")


class Times(NamedTuple):
    """When a fault began and ended, by `time.monotonic`."""

    begun: float
    healed: float


class Row(NamedTuple):
    """What clients noticed of a fault; without reasons, it has passed."""

    fault: Fault
    longest: float
    health: float
    answers: Counter[str]
    back: float
    lost: int
    reasons: list[str]

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        answers = ", ".join(f"{count} × {what}" for what, count in sorted(self.answers.items()))
        result = f"**failed**: {'; '.join(self.reasons)}" if self.reasons else "passed"
        times = (f"{seconds:.1f} s" for seconds in (self.longest, self.health))
        return [self.fault.name, *times, answers, f"{self.back:.1f} s", str(self.lost), result]


def judge(fault: Fault, times: Times, answers: list[Answer], lost: int) -> Row:
    """Make the row of a fault from all requests that ended after it began."""
    seen = [answer for answer in answers if answer.ended > times.begun]
    checks = [answer for answer in seen if answer.kind in ("live", "ready")]
    others = [answer for answer in seen if answer.kind not in ("live", "ready")]
    after = [answer for answer in seen if answer.begun > times.healed]
    longest = max(answer.seconds for answer in others)
    health = max(answer.seconds for answer in checks)
    back = max((answer.ended - times.healed for answer in after if answer.failed), default=0.0)
    flaws = Counter(
        answer.flaw for answer in seen if answer.flaw and not _is_borne(fault, answer, times)
    )
    unnoticed = [answer for answer in others if not answer.kind.startswith("own")]
    reasons = [
        *(f"{count} × {flaw}" for flaw, count in flaws.items()),
        *([f"a request took {longest:.1f} s"] if longest > LONGEST else []),
        *([f"a health check took {health:.1f} s"] if health > HEALTH else []),
        *([f"back after {back:.1f} s"] if back > BACK else []),
        *([f"{lost} acknowledged writes lost"] if lost else []),
    ]
    if fault.unnoticed:
        slow = max(answer.seconds for answer in unnoticed)
        failed = sum(answer.failed for answer in unnoticed)
        reasons += [f"other clients waited {slow:.1f} s"] if slow > UNNOTICED else []
        reasons += [f"{failed} requests of other clients failed"] if failed else []
    return Row(fault, longest, health, _answers(seen), back, lost, reasons)


def _is_borne(fault: Fault, answer: Answer, times: Times) -> bool:
    """Tell whether the process that the fault killed was serving this request."""
    return fault.unanswered and answer.status == 0 and answer.begun < times.begun


def _answers(answers: list[Answer]) -> Counter[str]:
    counted = Counter(str(answer.status or "none") for answer in answers)
    if again := sum(answer.again for answer in answers):
        counted["sent again"] = again
    return counted


def table(times: Times, answers: list[Answer]) -> str:
    """Return all answers in the order of their requests, with seconds from the fault's begin."""
    lines = [
        f"{answer.begun - times.begun:7.2f} {answer.seconds:6.2f} {answer.status or '---'} "
        f"{answer.kind} {answer.flaw}".rstrip()
        for answer in sorted(answers, key=lambda answer: answer.begun)
    ]
    return "\n".join([f"healed after {times.healed - times.begun:.2f}", *lines, ""])


def line(cells: list[str] | tuple[str, ...]) -> str:
    """Return a line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"
