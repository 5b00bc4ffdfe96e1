"""Three applications that know nothing of one another, in the styles that people write."""

# The article's: one app.py, one models.py, Flask-SQLAlchemy and Flask-Migrate.
ARTICLE = {
    "app.py": """\
import os

from flask import Flask
from flask_doctor import Doctor
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
migrate = Migrate(app, db)
Doctor(app)

from models import Station


@app.route("/")
def index():
    return {"stations": [station.json() for station in Station.query.all()]}
""",
    "models.py": """\
from app import db


class BaseModel(db.Model):
    __abstract__ = True

    id = db.Column(db.Integer, primary_key=True)

    def json(self):
        return {column.name: getattr(self, column.name) for column in self.__table__.columns}


class Station(BaseModel):
    __tablename__ = "stations"

    lat = db.Column(db.Float)
    lng = db.Column(db.Float)
""",
}

# A factory with Flask-SQLAlchemy-Lite, and Flask-Alembic for its migrations.
LITE = {
    "birds/__init__.py": """\
import os

from flask import Flask
from flask_alembic import Alembic
from flask_doctor import Doctor
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Model(DeclarativeBase):
    pass


class Bird(Model):
    __tablename__ = "birds"

    id: Mapped[int] = mapped_column(primary_key=True)


db = SQLAlchemy()
alembic = Alembic(metadatas=Model.metadata, command_name="alembic")
doctor = Doctor()


def create_app():
    app = Flask(__name__)
    url = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_ENGINES"] = {"default": url, "other": url}
    doctor.init_app(app)
    db.init_app(app)
    alembic.init_app(app)

    @app.get("/")
    def index():
        return {"birds": db.session.scalar(select(func.count(Bird.id)))}

    return app
""",
    "wsgi.py": "from birds import create_app\n\napp = create_app()\n",
}

# Plain SQLAlchemy with psycopg 3, and Alembic with an alembic.ini of its own.
PLAIN = {
    "app.py": """\
import os

from flask import Flask
from flask_doctor import Doctor
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Shop(Base):
    __tablename__ = "shops"

    id: Mapped[int] = mapped_column(primary_key=True)


engine = create_engine(os.environ["DATABASE_URL"].replace("psycopg2", "psycopg"))
app = Flask(__name__)
Doctor(app, engine=engine, metadata=Base.metadata)


@app.get("/")
def index():
    with Session(engine) as session:
        return {"shops": session.scalar(select(func.count(Shop.id)))}
""",
}
PLAIN_ENV = """\
from alembic import context
from app import Base, engine

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
"""
