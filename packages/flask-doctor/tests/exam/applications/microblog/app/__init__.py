from config import Config
from flask import Flask
from flask_doctor import Doctor
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config.from_object(Config)
db = SQLAlchemy(app)
migrate = Migrate(app, db)
doctor = Doctor(app)

from app import models, routes
