"""The extensions, created here once and unbound; `create_app` binds them."""

# One `db` for all, bound by init_app (Flask-Doctor's docs/errors.md#app-not-registered).

from datetime import datetime

from flask_doctor import Doctor
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Double, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, registry


class Base(DeclarativeBase):
    """The root of all models: PostgreSQL's types, and a name for every constraint."""

    registry = registry(
        type_annotation_map={str: Text, float: Double, datetime: DateTime(timezone=True)},
        # A migration can only drop what has a name.
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
    )


db = SQLAlchemy(model_class=Base)
doctor = Doctor()
