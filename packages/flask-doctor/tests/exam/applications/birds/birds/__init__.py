import os

from dotenv import load_dotenv
from flask import Flask
from flask_alembic import Alembic
from flask_doctor import Doctor
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import func, select

from .models import Bird, Model, Sighting

load_dotenv()
db = SQLAlchemy()
alembic = Alembic(metadatas=Model.metadata, command_name="alembic")
doctor = Doctor()


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_ENGINES"] = {"default": os.environ["DATABASE_URL"]}
    db.init_app(app)
    alembic.init_app(app)
    doctor.init_app(app)

    @app.get("/")
    def index():
        return {"birds": [bird.name for bird in db.session.scalars(select(Bird))]}

    @app.cli.command("report")
    def report():
        print(db.session.scalar(select(func.count(Sighting.id))))

    return app
