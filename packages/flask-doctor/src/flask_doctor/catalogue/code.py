"""Errors in the application's own code."""

from .entry import Entry

ENTRIES = (
    Entry(
        "abstract-missing",
        "A base class of models is taken for a table",
        why="SQLAlchemy makes a table of every class below `db.Model`; one that only holds what "
        "others share must say that it is abstract.",
        fix=("Write `__abstract__ = True` in the base class.",),
        messages=(
            "could not assemble any primary key columns for mapped table …",
            "does not have a __table__ or __tablename__ specified",
        ),
        exceptions=("ArgumentError", "InvalidRequestError"),
    ),
    Entry(
        "base-class-order",
        "The base classes of a model stand in an order that Python can't follow",
        why="`class Station(db.Model, BaseModel)` where `BaseModel` is itself a `db.Model`: the "
        "general class stands before the particular one.",
        fix=("Name the particular class alone: `class Station(BaseModel)`.",),
        messages=("Cannot create a consistent method resolution order (MRO) for bases …",),
        exceptions=("TypeError",),
    ),
    Entry(
        "no-app-context",
        "The database was used outside of the application's context",
        why="Which database is asked stands in the application's settings, and no application is "
        "current here: in a script, a thread, or at import.",
        fix=(
            "Write `with app.app_context():` around it, or make it a `flask` command; to try "
            "something out: `{flask} shell`.",
        ),
        messages=("Working outside of application context",),
        exceptions=("RuntimeError",),
    ),
    Entry(
        "app-not-registered",
        "This `SQLAlchemy()` was never bound to the application",
        why="`db.init_app(app)` is missing, or there are two `SQLAlchemy()` and the other one was "
        "bound.",
        fix=(
            "Make `db = SQLAlchemy()` once, in a module that others import it from, and call "
            "`db.init_app(app)` in `create_app`.",
        ),
        messages=("The current Flask app is not registered with this 'SQLAlchemy' instance",),
        exceptions=("RuntimeError",),
    ),
    Entry(
        "table-defined-twice",
        "Two models claim the same table",
        why="Two classes have the same `__tablename__`, or one module was imported under two "
        "names (`models` and `app.models`).",
        fix=("Remove one of the classes; import each module by one name, the full one.",),
        messages=("Table … is already defined for this MetaData instance",),
        exceptions=("InvalidRequestError",),
    ),
    Entry(
        "circular-import",
        "Two modules import each other",
        why="The second one asks for a name that the first has not defined yet.",
        fix=(
            "Move what both need (`db = SQLAlchemy()`) to a module of its own that imports "
            "neither, or import inside of `create_app`.",
        ),
        messages=("partially initialized module …",),
        exceptions=("ImportError", "AttributeError"),
    ),
    Entry(
        "text-needed",
        "A statement is a plain string",
        why="SQLAlchemy takes a string for SQL only when it is said to be SQL.",
        fix=(
            "Write `db.session.execute(text('SELECT ...'), {{'name': value}})`, with "
            "`from sqlalchemy import text`; values go in as parameters, never into the string.",
        ),
        messages=(
            "Textual SQL expression … should be explicitly declared as text(…)",
            "Not an executable object: …",
        ),
        exceptions=("ArgumentError", "ObjectNotExecutableError"),
    ),
    Entry(
        "app-not-importable",
        "The application can't be imported",
        why="{detail}",
        fix=("Correct the error at {place}; to see the whole traceback:", "$ {flask} routes"),
    ),
    Entry(
        "port-taken",
        "The port that the application wants is taken",
        why="Another program listens on it: often the application itself, started before.",
        fix=("Stop the other program, or take another port:", "$ {flask} run --port 5001"),
        messages=("Address already in use",),
        exceptions=("OSError",),
    ),
)
