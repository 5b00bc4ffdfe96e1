"""A start loads what serving needs, and leaves the rest until it is used."""

import subprocess
import sys

# What only some processes use: commands, the metrics, the examinations of the doctor.
LATER = (
    *("alembic", "flask_migrate", "prometheus_client"),
    *("flask_doctor.recognise", "flask_doctor.examine", "flask_doctor.rules", "pg8000"),
)
SCRIPT = f"import sys, wsgi; print(*[name for name in {LATER} if name in sys.modules])"


def test_the_application_starts_without_what_only_some_processes_use():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("\n", 0), done.stderr
