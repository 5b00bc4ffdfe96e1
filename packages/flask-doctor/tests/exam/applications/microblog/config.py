import os
from pathlib import Path

from dotenv import load_dotenv

load_dotenv(Path(__file__).with_name(".env"))


class Config:
    SECRET_KEY = os.environ.get("SECRET_KEY", "known to everybody")
    SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]
    SHOWN_AT_ONCE = 25
