"""Asks the doctor about one broken set-up, and judges its answers."""

import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .breaks import BREAKS, EITHER, FINDS, HEALTHY, WELL, Break
from .fixes import apply, destroyed, snapshot
from .nursery import Nursery
from .server import Server
from .setups import SETUPS
from .world import Unfit, World

TOLD = re.compile(
    r"^\W*([a-z][a-z0-9-]+): (.+)\n((?:\s+(?:Why|Where|Ruled out|Fix): ?.*\n)(?:.*\n)*?)\s+More: ",
    re.M,
)
FIX = re.compile(r"^\s+Fix:\n(.*)", re.M | re.S)

# Entries that say that something failed, and leave open why: no answer, and no wrong one.
GENERAL = {"app-not-importable", "migration-fails", "model-invalid", "refused-otherwise"}


@dataclass
class Answer:
    """What one of the doctor's mouths said: the entry's id, and its fix."""

    mouth: str
    id: str
    fix: list[str] = field(default_factory=list)
    verdict: str = ""
    output: str = ""


@dataclass
class Result:
    """How one break went."""

    number: int
    name: str
    where: str = ""
    told: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    alarm: Answer | None = None  # of a healthy one
    fix: str = ""  # "worked", "failed", "by hand", or nothing where there was no right answer
    fixing: str = ""  # what was pasted, and what came of it
    destroyed: list[str] = field(default_factory=list)
    leaked: bool = False
    seconds: float = 0.0
    trouble: str = ""  # of the exam itself


def examined(world: World) -> Answer:
    """Ask `flask doctor`."""
    output, _ = world.run("flask doctor --json 2>/dev/null")
    if not output:  # Flask ends before any command where it can't read `.env`
        output, _ = world.run("python -m flask_doctor --json 2>/dev/null")
    try:
        answer = json.loads(output)
    except ValueError:
        return Answer("doctor", "crashed", output=world.run("flask doctor --json")[0])
    if answer["healthy"]:
        return Answer("doctor", "healthy", output=output)
    diagnosis = answer["diagnosis"]
    if diagnosis is None:
        return Answer("doctor", "", output=output)
    return Answer("doctor", diagnosis["id"], diagnosis["fix"], output=output)


def noted(world: World, command: str) -> Answer:
    """Run a command; return what is noted on its error."""
    output, status = world.run(command)
    told = list(TOLD.finditer(output))
    if not told:
        return Answer("note", "" if status else "healthy", output=output)
    fix = FIX.search(told[-1][3])
    lines = [re.sub(r"^\s+(\d+\. )?", "", line) for line in (fix[1] if fix else "").splitlines()]
    return Answer("note", told[-1][1], lines, output=output)


def hold(number: int, seed: str, name: str, servers: list[Server], nursery: Nursery) -> Result:
    """Break one set-up, and judge what the doctor says of it."""
    random = Random(f"{seed}/{number}")
    server, driver = random.choice(servers), random.choice(["psycopg2", "psycopg"])
    setups = random.sample(list(SETUPS.values()), len(SETUPS))
    chosen = BREAKS.get(name) or HEALTHY[name.removeprefix("healthy.")]
    result = Result(number, name)
    for setup in setups:
        world = World(setup, server, nursery, random, driver, number)
        result.where = f"{setup.name}, {server.cluster.binaries.parent.name}, {driver}"
        try:
            trigger = chosen.do(world) or world.use()
            result.told = world.told
            _judge(world, chosen, trigger, result)
            return result
        except Unfit:
            continue
        except Exception as error:
            result.trouble = f"{type(error).__name__}: {error}"
            return result
        finally:
            world.close()
    result.trouble = "no set-up fits"
    return result


def _judge(world: World, chosen: Break, trigger: str, result: Result) -> None:
    answers = [examined(world), noted(world, trigger)]
    result.leaked = any(_leaks(world.password, answer) for answer in answers)
    doctor, note = answers
    if not chosen.right:  # a healthy one
        if note.id == "healthy" and doctor.id != "healthy":
            result.alarm = doctor
        elif note.id != "healthy":
            result.trouble = f"the variation is broken: {note.output[-1500:]}"
        return
    result.answers = [a for a in answers if _counts(a, chosen)]
    if not result.answers:
        result.trouble = f"nothing broke: {note.output[-1500:]}"
    if chosen.doctor == WELL and doctor.id != "healthy":
        result.alarm = doctor
    for answer in result.answers:
        answer.verdict = _verdict(answer, chosen)
    _try_fix(world, trigger, result)


def _counts(answer: Answer, chosen: Break) -> bool:
    if answer.mouth == "note":
        return answer.id != "healthy"
    return chosen.doctor == FINDS or (chosen.doctor == EITHER and answer.id != "healthy")


def _verdict(answer: Answer, chosen: Break) -> str:
    if answer.id in ("", "healthy"):
        return "unknown"
    ahead = chosen.ahead and answer.mouth == "doctor" and answer.id == "database-behind"
    if answer.id in chosen.right or ahead:
        return "right"
    return "unknown" if answer.id in GENERAL else "wrong"


def _leaks(password: str, answer: Answer) -> bool:
    said = answer.output if answer.mouth == "doctor" else "\n".join(answer.fix)
    return len(password) > 8 and password in said


def _try_fix(world: World, trigger: str, result: Result) -> None:
    """Paste the fix of the first answer that is right, and ask again."""
    given = [a for a in result.answers if a.verdict in ("right", "wrong") and a.fix]
    given.sort(key=lambda answer: answer.verdict != "right")
    if not given:
        return
    tried = given[0]
    before = snapshot(world)
    result.fix, result.fixing = apply(world, tried.fix)
    lost = destroyed(before, snapshot(world), {world.database, *world.meant})
    said = re.search(
        r"delet|drop|los[et]|remov|destroy|forget|empt|= NULL", " ".join(tried.fix), re.I
    )
    result.destroyed = [] if said else lost
    if result.fix != "pasted":
        return
    again = examined(world) if tried.mouth == "doctor" else noted(world, trigger)
    result.fix = "worked" if again.id != tried.id else "failed"
    if tried.verdict != "right":
        result.fix = ""
    result.fixing += f"\nthen: {again.id or 'unknown'}"


def plan(seed: str, breaks: int, alike: str = "") -> list[str]:
    """Return which break has which number; all kinds come before one comes again."""
    random = Random(seed)
    kinds = [name for name in sorted(BREAKS) if alike in name]
    well = [f"healthy.{name}" for name in sorted(HEALTHY) if alike in f"healthy.{name}"]
    return _cycle(random, kinds, breaks) + _cycle(random, well, max(1, breaks // 5))


def _cycle(random: Random, names: list[str], length: int) -> list[str]:
    drawn: list[Any] = []
    while names and len(drawn) < length:
        drawn += random.sample(names, len(names))
    return drawn[:length]
