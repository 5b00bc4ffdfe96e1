"""gunicorn's settings, found by `gunicorn wsgi:app` in the folder that it starts in."""

import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))
os.environ.setdefault("APP_CONFIG", "production")

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
# Threads, so that a long export keeps neither other requests nor the worker's heartbeat waiting.
worker_class = "gthread"
threads = 4
# A settings error then ends gunicorn at once, where workers would be started again for ever.
preload_app = True
accesslog = "-"
