"""gunicorn's settings. `gunicorn wsgi:app` reads this file from the current folder."""

import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))
os.environ.setdefault("APP_CONFIG", "production")

bind = f"0.0.0.0:{os.environ.get('PORT') or 8000}"
workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 8
# Only TRUSTED_PROXIES decides whose headers set the scheme.
forwarded_allow_ips = ""
# With a settings error, gunicorn exits at once, and doesn't restart the workers forever.
preload_app = True
