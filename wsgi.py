"""The application that `flask run` and `gunicorn wsgi:app` serve."""

# Scripts import `app`, and use app.app_context() (Flask-Doctor's docs/errors.md#no-app-context).

import gc
import sys

from stationsapp import create_app
from stationsapp.settings import SettingsError

# Objects that are made during the start stay. Looking for garbage would make it a tenth slower.
gc.disable()
try:
    app = create_app()
except SettingsError as error:
    sys.exit(f"stationsapp: {error}")
gc.freeze()  # look only at objects that requests make
gc.enable()
