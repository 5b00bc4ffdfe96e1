"""The application that `flask run` and `gunicorn wsgi:app` serve."""

import sys

from starterapp import create_app
from starterapp.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"starterapp: {error}")
