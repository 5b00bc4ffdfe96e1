"""`flask doctor`: examine, explain, and fix what can be fixed safely.

It is an entry point of `flask.commands`, and so works when the application can't be imported.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

# Whatever fails to load, this must: SQLAlchemy and what needs it is loaded by the commands alone.
from .diagnosis import Diagnosis, command_facts, masked

if TYPE_CHECKING:
    from .catalogue import Entry
    from .examine import Step

log = logging.getLogger(__name__)

ALL = "all"
# What is known not to be wrong once a stage has passed.
RULED_OUT = {
    "application": "the application is imported",
    "URL": "the database URL can be read",
    "driver": "the driver is installed",
    "connection": "the server is reached, and the role logs in",
    "privileges": "the role has the privileges it needs",
    "models": "the migrations know all models",
    "migrations": "the database is migrated",
    "drift": "models and database agree",
}
TO_TRY = {
    "application": "Run `flask routes` to see the whole traceback, and look at the line above.",
    "connection": "Try the same with PostgreSQL's own client: `psql DATABASE_URL`. If that "
    "fails as well, the server's log says more.",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--fix",
    is_flag=False,
    flag_value=ALL,
    metavar="[ACTION]",
    help="Run the safe fixes (or only this one), and check again.",
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


def _entries(info: ScriptInfo) -> "dict[str, Entry]":
    """Return the catalogue, with what the application adds to it where that can be loaded."""
    from .state import known_entries, state_of

    try:
        return state_of(_load(info)).entries
    except (Exception, SystemExit):
        return known_entries()


def _load(info: ScriptInfo) -> Flask:
    """Load the application; one that doesn't know the doctor is bound to it here."""
    app = info.load_app()
    if "doctor" not in app.extensions:
        from . import Doctor
        from .own_code import own_engines

        engines, metadata = own_engines() if "sqlalchemy" not in app.extensions else ({}, None)
        Doctor(app, engine=engines, metadata=metadata)
    return app


def _examine(info: ScriptInfo, as_json: bool, fix: str | None) -> bool:
    steps = _steps(info, as_json)
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
        click.echo("\n" + "\n".join(_unknown(steps).values()))
    return last.ok


def _steps(info: ScriptInfo, quiet: bool) -> "list[Step]":
    """Examine, and print each step; a fault of the doctor's own ends it, without a traceback."""
    from .examine import Step, examine

    steps: list[Step] = []
    try:
        for step in examine(lambda: _load(info)):
            steps.append(step)
            if not quiet:
                _print_step(step.ok, step.stage, step.detail)
    except Exception as error:
        log.debug("the doctor failed", exc_info=True)
        if not steps or steps[-1].ok:  # else what failed is known, and only its end went wrong
            said = masked(f"the doctor itself failed here: {type(error).__name__}: {error}")
            steps.append(Step("doctor", False, said))
            if not quiet:
                _print_step(False, "doctor", said)
    return steps


def _unknown(steps: "list[Step]") -> dict[str, str]:
    """Say of an error that nothing explains what it is not, where it is, and what to try."""
    last = steps[-1]
    passed = [RULED_OUT[s.stage] for s in steps if s.ok and s.stage in RULED_OUT]
    answer = {"message": f"The doctor doesn't know this error: {last.detail}"}
    if passed:
        answer["ruled_out"] = f"It isn't what comes before: {'; '.join(passed)}."
    if last.where:
        answer["where"] = f"It comes from {last.where}"
    answer["try"] = TO_TRY.get(last.stage, "Search the web for the message, without your names.")
    return answer


def _apply(info: ScriptInfo, name: str) -> None:
    from .recognise import diagnose
    from .state import state_of

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
        "unknown": None if diagnosis or steps[-1].ok else _unknown(steps),
    }
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


@contextmanager
def _explained(ctx: click.Context) -> Iterator[None]:
    """Explain what ends any `flask` command: an import that fails, a port that is taken."""
    try:
        yield
    except BaseException as error:
        _explain(error, ctx)
        raise
    if (passed_by := sys.exc_info()[1]) is not None:  # click 8.1 doesn't pass it on
        _explain(passed_by, ctx)


def _explain(error: BaseException, ctx: click.Context) -> None:
    if isinstance(error, SystemExit) and isinstance(error.code, str):
        return  # the application ends with words of its own
    if isinstance(error, click.exceptions.Exit | click.Abort):
        return
    if isinstance(error, SystemExit) and not error.__context__ and not error.__cause__:
        return
    try:
        from .recognise import diagnose

        inner: BaseException | None = error
        while inner:
            if known := getattr(inner, "diagnosis", None):
                if isinstance(error, click.ClickException) and inner is error.__cause__:
                    click.echo(f"\n{known.text()}\n", err=True)  # no traceback shows its note
                return  # it was explained where it arose
            inner = inner.__cause__ or inner.__context__
        app = getattr(ctx.obj, "_loaded_app", None)
        if app is None and str(error).startswith("No such command"):
            error = _no_application(ctx) or error
        with app.app_context() if app else nullcontext():
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


def _no_application(ctx: click.Context) -> NoAppException | None:
    """Return why no application can be loaded, which Flask has printed and forgotten."""
    with suppress(Exception, SystemExit):
        try:
            ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as error:
            return error
    return None


# Flask loads its commands' entry points, this module among them, inside of each command's context.
if context := click.get_current_context(silent=True):
    context.find_root().with_resource(_explained(context.find_root()))
