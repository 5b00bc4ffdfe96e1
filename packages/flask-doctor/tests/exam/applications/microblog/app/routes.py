import sqlalchemy as sa

from app import app, db
from app.models import Post, User


@app.route("/")
@app.route("/index")
def index():
    posts = db.session.scalars(sa.select(Post).order_by(Post.timestamp.desc())).all()
    return {"posts": [{"body": post.body, "author": post.author.username} for post in posts]}


@app.cli.command("report")
def report():
    for user in db.session.scalars(sa.select(User)).all():
        print(user.username, len(user.posts), len(user.following))
