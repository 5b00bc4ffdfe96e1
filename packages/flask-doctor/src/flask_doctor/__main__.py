"""`flask-doctor`, or `python -m flask_doctor`: `flask doctor` where `flask` itself can't start.

Flask reads `.env` before any command, and ends with a traceback where it can't.
"""

import os
import sys

import click
from flask.cli import ScriptInfo, cli, load_dotenv

WITH_VALUE = ("-A", "--app", "-e", "--env-file")  # Flask's own options, which come first


def main() -> None:
    """Run `flask doctor` with these arguments, whether `.env` can be read or not."""
    try:
        load_dotenv()
    except (OSError, ValueError) as error:  # the examination tells why
        click.echo(f"Flask can't read .env: {type(error).__name__}", err=True)
    own, rest, arguments = [], [], sys.argv[1:]
    while arguments:
        option = arguments.pop(0)
        if option in WITH_VALUE and arguments:
            own += [option, arguments.pop(0)]
        elif option.startswith(("--app=", "--env-file=", "--debug", "--no-debug")):
            own.append(option)
        else:
            rest.append(option)
    sys.path.insert(0, os.getcwd())
    info = ScriptInfo(load_dotenv_defaults=False)
    cli.main([*own, "doctor", *rest], prog_name="flask", obj=info)


if __name__ == "__main__":
    main()
