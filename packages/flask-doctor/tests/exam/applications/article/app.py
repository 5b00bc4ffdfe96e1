import os

from dotenv import load_dotenv
from flask import Flask
from flask_doctor import Doctor
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

load_dotenv()

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)
migrate = Migrate(app, db)
Doctor(app)

from models import Line, Station


@app.route("/")
def index():
    stations = Station.query.order_by(Station.name).all()
    return {"stations": [station.json() for station in stations], "lines": Line.query.count()}


@app.cli.command("report")
def report():
    print(len(Station.query.all()), "stations", len(Line.query.all()), "lines")
