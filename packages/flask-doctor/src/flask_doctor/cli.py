"""`flask doctor`: examine, explain, and fix what can be fixed safely.

It is an entry point of `flask.commands`, and so works when the application can't be imported.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from flask import Flask
from flask.cli import ScriptInfo

from . import Doctor, Entry
from .diagnosis import Diagnosis, command_facts, masked
from .state import known_entries, state_of

if TYPE_CHECKING:
    from .examine import Step

ALL = "all"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--fix",
    is_flag=False,
    flag_value=ALL,
    metavar="[ACTION]",
    help="Run the safe fixes (or only this one), and examine again.",
)
@click.option("--list", "as_list", is_flag=True, help="List the known errors.")
@click.option("--explain", metavar="ID", help="Explain one known error.")
@click.pass_context
def doctor(
    ctx: click.Context, as_json: bool, fix: str | None, as_list: bool, explain: str | None
) -> None:
    """Find out what keeps the application from working, and how to fix it.

    The exit status is 0 if nothing is wrong, and 1 otherwise.
    """
    info = ctx.ensure_object(ScriptInfo)
    if as_list:
        entries = _entries(info)
        width = max(map(len, entries))
        for entry in entries.values():
            click.echo(f"{entry.id:{width}}  {Diagnosis(entry).title}")
    elif explain:
        entries = _entries(info)
        if explain not in entries:
            raise click.BadParameter(f"no such error: {explain} (see --list)", ctx)
        click.echo(Diagnosis(entries[explain], command_facts()).text())
    else:
        ctx.exit(0 if _examine(info, as_json, fix) else 1)


def _entries(info: ScriptInfo) -> dict[str, Entry]:
    """Return the catalogue, with what the application adds to it where that can be loaded."""
    try:
        return state_of(_load(info)).entries
    except (Exception, SystemExit):
        return known_entries()


def _load(info: ScriptInfo) -> Flask:
    """Load the application; one that doesn't know the doctor is bound to it here."""
    app = info.load_app()
    if "doctor" not in app.extensions:
        Doctor(app)
    return app


def _examine(info: ScriptInfo, as_json: bool, fix: str | None) -> bool:
    from .examine import examine

    steps: list[Step] = []
    for step in examine(lambda: _load(info)):
        steps.append(step)
        if not as_json:
            _print_step(step.ok, step.stage, step.detail)
    last = steps[-1]
    action = last.diagnosis.entry.action if last.diagnosis else None
    if action and fix in (ALL, action):
        if not as_json:
            click.echo(f"\nApplying: {action}\n")
        _apply(info, action)
        # Creating leads on to upgrading; the same action is not tried twice.
        further = "upgrade" if fix == ALL and action == "create-database" else None
        return _examine(info, as_json, further)
    if as_json:
        _print_json(steps)
    elif last.diagnosis:
        click.echo(f"\n{last.diagnosis.text()}")
    elif not last.ok:
        click.echo("\nThe doctor doesn't know this error. The line above is all there is.")
    return last.ok


def _apply(info: ScriptInfo, name: str) -> None:
    from .recognise import diagnose

    try:
        app = _load(info)
    except (Exception, SystemExit):
        raise click.ClickException(f"can't run {name}: the application can't be loaded") from None
    state = state_of(app)
    if name not in state.actions:
        raise click.ClickException(f"unknown action: {name}")
    with app.app_context():
        try:
            state.actions[name].run(app)
        except Exception as error:
            known = diagnose(error, state.engine, state=state, probe=True)
            raise click.ClickException(known.text() if known else masked(str(error))) from None


def _print_step(ok: bool, stage: str, detail: str) -> None:
    if sys.stdout.isatty():
        mark = click.style("✔", fg="green") if ok else click.style("✘", fg="red")
    else:
        mark = "ok  " if ok else "FAIL"
    click.echo(f"{mark} {stage:12} {detail}")


def _print_json(steps: "list[Step]") -> None:
    diagnosis = steps[-1].diagnosis
    answer = {
        "healthy": steps[-1].ok,
        "stages": [{"stage": s.stage, "ok": s.ok, "detail": s.detail} for s in steps],
        "diagnosis": diagnosis.json() if diagnosis else None,
    }
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


@contextmanager
def _explained(ctx: click.Context) -> Iterator[None]:
    """Explain what ends any `flask` command: an import that fails, a port that is taken."""
    try:
        yield
    except BaseException as error:
        _explain(error)
        raise


def _explain(error: BaseException) -> None:
    from .recognise import diagnose

    if isinstance(error, SystemExit) and isinstance(error.code, str):
        return  # the application ends with words of its own
    try:
        inner: BaseException | None = error
        while inner:
            if getattr(inner, "diagnosis", None):
                return  # it was explained where it arose
            inner = inner.__cause__ or inner.__context__
        diagnosis = diagnose(error, probe=True)
    except Exception:
        return  # the error that ends the command matters more than ours
    if not diagnosis:
        return
    if isinstance(error, click.ClickException | SystemExit):
        click.echo(f"\n{diagnosis.text()}\n", err=True)
    else:
        error.diagnosis = diagnosis  # type: ignore[attr-defined]
        error.add_note(f"\n{diagnosis.text()}")


# Flask loads its commands' entry points, this module among them, inside of each command's context.
if context := click.get_current_context(silent=True):
    context.find_root().with_resource(_explained(context.find_root()))
