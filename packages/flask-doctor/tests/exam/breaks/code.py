"""The application's code: imports, parts that were never put together, contexts."""

from ..world import Unfit, World
from . import EITHER, WELL, broken


def python_file(world: World) -> str:
    """Choose a file of the application."""
    names = ["app.py", "config.py", "wsgi.py", "app/__init__.py", world.setup.models]
    return world.random.choice([n for n in names if (world.folder / n).exists()])


@broken("app-not-importable", "python-syntax")
def syntax_error(world: World) -> None:
    old, new = world.random.choice(
        [(r"\)$", ""), (r":$", ""), (r"^    (\w)", r"   \1"), (" =", " ==")]
    )
    name = python_file(world)
    world.sub(name, old, new)
    try:
        compile(world.read(name), name, "exec")
    except SyntaxError:
        return
    raise Unfit("still Python")


@broken("app-not-importable", "db-name-unknown", "name-misspelt")
def name_misspelled(world: World) -> None:
    old, new = world.random.choice(
        [
            ("String\\(", "Sting("),
            ("mapped_column\\(", "mappedcolumn("),
            ("ForeignKey\\(", "ForeignKy("),
        ]
    )
    world.sub(world.setup.models, old, new)


@broken("app-not-importable", "package-missing", "wrong-environment")
def package_not_installed(world: World) -> None:
    package = world.random.choice(
        ["flask_login", "flask_bootstrap", "flask_moment", "celery", "wtforms_x"]
    )
    name = python_file(world)
    world.write(name, f"import {package}\n{world.read(name)}")
    world.say(f"{name} imports {package}")


# `flask` has loaded the package before it looks into this folder, and so is well.
@broken("app-not-importable", "module-shadowed", doctor=EITHER)
def file_named_like_a_package(world: World) -> None:
    if world.setup.plain:
        raise Unfit("no Flask-SQLAlchemy")
    names = ["flask_doctor", "flask_migrate", "flask_sqlalchemy", "dotenv"]
    if world.setup.name == "birds":
        names = ["flask_sqlalchemy_lite", "flask_alembic", "dotenv"]
    name = world.random.choice(names[1:])
    world.write(f"{name}.py", "# my notes\n")
    world.say(f"a file {name}.py")


@broken("app-not-importable", "circular-import")
def circular_import(world: World) -> None:
    if world.setup.name == "article":
        content = world.read("app.py").replace("\nfrom models import Line, Station\n", "\n")
        world.write("app.py", "from models import Line, Station\n" + content)
    elif world.setup.name == "microblog":
        content = world.read("app/__init__.py").replace("\nfrom app import models, routes\n", "\n")
        world.write("app/__init__.py", "from app import models, routes\n" + content)
    elif world.setup.plain:
        world.write("database.py", "from models import Author\n" + world.read("database.py"))
    elif world.setup.name == "birds":
        world.write("birds/models.py", "from birds import db\n" + world.read("birds/models.py"))
    else:
        world.write(
            "shop/extensions.py", "from .models import Order\n" + world.read("shop/extensions.py")
        )
    world.say("models and the module that they import, import each other")


@broken("app-not-importable", "app-not-registered", "no-app-context")
def init_app_forgotten(world: World) -> None:
    if world.setup.name == "article":
        world.edit("app.py", "db = SQLAlchemy(app)", "db = SQLAlchemy()")
    elif world.setup.name == "microblog":
        world.edit("app/__init__.py", "db = SQLAlchemy(app)", "db = SQLAlchemy()")
    elif world.setup.plain:
        raise Unfit("no extension")
    else:
        world.edit(world.setup.config, "    db.init_app(app)\n", "")


@broken("init-app-late", "init-app-twice")
def init_app_twice(world: World) -> None:
    if world.setup.name == "article":
        world.edit("app.py", "Doctor(app)", "db.init_app(app)\nDoctor(app)")
    elif world.setup.name == "shop":
        world.edit(world.setup.config, "    db.init_app(app)\n", "    db.init_app(app)\n" * 2)
    elif world.setup.name == "microblog":
        world.edit("app/__init__.py", "doctor = ", "db.init_app(app)\ndoctor = ")
    else:
        raise Unfit("no Flask-SQLAlchemy")


@broken("migrate-not-bound", doctor=EITHER)
def migrate_forgotten(world: World) -> str:
    if world.setup.name == "article":
        world.edit("app.py", "migrate = Migrate(app, db)\n", "")
    elif world.setup.name == "microblog":
        world.edit("app/__init__.py", "migrate = Migrate(app, db)\n", "")
    elif world.setup.name == "shop":
        world.edit("shop/__init__.py", "    migrate.init_app(app, db)\n", "")
    else:
        raise Unfit("not Flask-Migrate")
    return world.random.choice(["flask db upgrade", "flask db migrate -m x"])


@broken("app-not-registered", "nothing-to-migrate")
def two_sqlalchemy(world: World) -> None:
    second = "from flask_sqlalchemy import SQLAlchemy\n\ndb = SQLAlchemy()\n"
    if world.setup.name == "article":
        world.edit("models.py", "from app import db\n", second)
    elif world.setup.name == "microblog":
        world.edit("app/models.py", "from app import db\n", second)
    elif world.setup.name == "shop":
        world.edit("shop/models.py", "from .extensions import db\n", second)
    else:
        raise Unfit("no Flask-SQLAlchemy")


@broken("app-not-importable", "no-app-context")
def query_while_importing(world: World) -> None:
    model = world.model()
    if world.setup.plain:
        raise Unfit("needs no context")
    query = f"db.session.query({model}).all()"
    if world.setup.name in ("article", "microblog"):
        name = "models.py" if world.setup.name == "article" else "app/models.py"
        world.write(name, f"{world.read(name)}\n\nEVERYTHING = {query}\n")
    elif world.setup.name == "shop":
        name = "shop/catalog.py"
        world.write(name, f"{world.read(name)}\n\nCACHE = db.session.query(Product).all()\n")
    else:
        world.edit(
            "birds/__init__.py", "    return app", f"    app.birds = {query}\n    return app"
        )
    world.say("a query while importing")


@broken("no-app-context", doctor=WELL)
def script_without_context(world: World) -> str:
    if world.setup.plain:
        raise Unfit("needs no context")
    model = world.model()
    return world.script(
        world.random.choice(
            [
                f"print(session.scalars(select({model})).all())",
                f"session.add({model}({world.values(model, 9)}))\nsession.commit()",
            ]
        ),
        context=False,
    )


@broken("no-app-context", doctor=WELL)
def thread_without_context(world: World) -> str:
    if world.setup.plain:
        raise Unfit("needs no context")
    model = world.model()
    start = world.random.choice(
        [
            "from concurrent.futures import ThreadPoolExecutor\n"
            "ThreadPoolExecutor().submit(work).result()",
            "import threading\nthread = threading.Thread(target=work)\n"
            "thread.start()\nthread.join()",
        ]
    )
    return world.script(
        f"def work():\n    return db.session.scalars(select({model})).all()\n\n{start}"
    )


@broken("no-app-context", "no-request-context", doctor=WELL)
def request_in_a_script(world: World) -> str:
    model = world.model()
    if world.setup.plain:
        raise Unfit("needs no context")
    return world.script(
        f"from flask import request\nprint(session.get({model}, request.args['id']))"
    )
