"""The application that `flask run` and `gunicorn wsgi:app` serve."""

# Scripts import `app`, and use app.app_context() (Flask-Doctor's docs/errors.md#no-app-context).

import sys

from starterapp import create_app
from starterapp.settings import SettingsError

try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"starterapp: {error}")
