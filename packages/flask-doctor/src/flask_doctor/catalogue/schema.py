"""Errors where the models, the migrations and the database don't agree."""

from .entry import Entry

ENTRIES = (
    Entry(
        "table-missing",
        "The database has no such table",
        why="The migrations were not run on database {database}, or no migration creates the "
        "table.",
        fix=(
            "$ {upgrade}",
            "If the database is up to date, the model is new: `{migrate} 'what changed'` first.",
        ),
        messages=("relation … does not exist",),
        sqlstates=("42P01",),
        action="upgrade",
    ),
    Entry(
        "column-missing",
        "The table has no such column",
        why="The model got a column that database {database} doesn't have yet.",
        fix=(
            "$ {upgrade}",
            "If the database is up to date, the column is new: `{migrate} 'what changed'` first.",
        ),
        messages=("column … does not exist", "column … of relation … does not exist"),
        sqlstates=("42703",),
        action="upgrade",
    ),
    Entry(
        "table-exists",
        "The migration creates what is there already",
        why="The tables were made by `db.create_all()`, and the migrations don't know of it.",
        fix=(
            "Leave `create_all()` out of the application. If the tables are those of the models, "
            "tell the migrations so:",
            "$ {stamp} head",
            "If nothing in them is worth keeping, drop them and run `{upgrade}` instead.",
        ),
        messages=("relation … already exists",),
        sqlstates=("42P07",),
    ),
    Entry(
        "database-behind",
        "Database {database} is behind the migrations",
        why="There are migrations that were not run on it yet.",
        fix=("$ {upgrade}",),
        messages=("Target database is not up to date",),
        exceptions=("CommandError",),
        action="upgrade",
    ),
    Entry(
        "nothing-to-migrate",
        "The migrations don't see all models",
        why="`db migrate` compares the database with the models that it knows. A model is unknown "
        "when nothing imports its module, or when it belongs to a second `SQLAlchemy()`. {seen}",
        fix=(
            "Import the module where the application is made (in `create_app`), and keep one "
            "`db = SQLAlchemy()` for all. Missing: {missing}",
        ),
        messages=("No changes in schema detected.",),
    ),
    Entry(
        "model-drift",
        "The models and database {database} differ",
        why="A model was changed and no migration was made of it, or the database was changed by "
        "hand. {detail}",
        fix=(
            "$ {migrate} 'what changed'",
            "Read the file that it makes; then:",
            "$ {upgrade}",
        ),
        messages=("New upgrade operations detected: …",),
        exceptions=("CommandError",),
    ),
    Entry(
        "revision-unknown",
        "Database {database} is at a revision that no migration file has",
        why="The database is ahead of this code: the migration's file was deleted, or lies on "
        "another branch than the one that is checked out. {detail}",
        fix=(
            "Get the file back; git knows where it is:",
            "$ git log --all -- migrations/versions",
            "Only if it is gone for good, and the tables are those of the newest migration that "
            "you have: `{stamp} --purge head` makes the database forget its history.",
        ),
        messages=("Can't locate revision identified by …",),
        exceptions=("CommandError",),
    ),
    Entry(
        "several-heads",
        "There are several newest migrations",
        why="Two branches of the code each made a migration on top of the same one.",
        fix=("$ {merge}", "$ {upgrade}"),
        messages=("Multiple head revisions are present …", "The script directory has multiple …"),
        exceptions=("CommandError",),
    ),
    Entry(
        "no-migrations-yet",
        "There are no migrations yet",
        why="The folder of migrations was made, and no migration in it: nothing creates the "
        "tables. {seen}",
        fix=(
            "$ {migrate} 'first tables'",
            "Read the file that it makes; then:",
            "$ {upgrade}",
        ),
    ),
    Entry(
        "no-migrations-folder",
        "There is no folder of migrations",
        why="`{init}` was never run here, the folder was not committed, or the command "
        "runs in another folder than the project's.",
        fix=(
            "In the project's folder:",
            "$ {init}",
            "$ {migrate} 'first tables'",
            "$ {upgrade}",
        ),
        messages=("Path doesn't exist: …",),
        exceptions=("CommandError",),
    ),
    Entry(
        "null-in-new-column",
        "A migration makes a column NOT NULL that has nulls",
        why="The rows that are there have no value for the new column.",
        fix=(
            "Give the column a `server_default` in the migration: "
            "`op.add_column(..., sa.Column(..., nullable=False, server_default='...'))`; or add it "
            "nullable, fill it, and then set NOT NULL.",
        ),
        messages=("column … of relation … contains null values",),
        sqlstates=("23502",),
        statement=r"ALTER\s+TABLE\b",
    ),
)
