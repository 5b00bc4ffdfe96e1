"""The application that `flask run` and `gunicorn wsgi:app` serve."""

import sys

from stationsapp import create_app
from stationsapp.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"stationsapp: {error}")
