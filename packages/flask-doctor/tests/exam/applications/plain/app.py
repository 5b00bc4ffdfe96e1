from flask import Flask
from flask_doctor import Doctor
from sqlalchemy import select

from database import Base, Session, engine
from models import Author, Book

app = Flask(__name__)
Doctor(app, engine=engine, metadata=Base.metadata)


@app.get("/")
def index():
    with Session() as session:
        return {"books": [book.title for book in session.scalars(select(Book))]}


@app.cli.command("report")
def report():
    with Session() as session:
        for author in session.scalars(select(Author)):
            print(author.name, len(author.books))
