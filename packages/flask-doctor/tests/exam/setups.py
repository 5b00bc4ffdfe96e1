"""The healthy applications that the exam breaks; their files lie in `applications/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

FOLDER = Path(__file__).parent / "applications"


@dataclass(frozen=True)
class Setup:
    """One application, and what a break must know to use it."""

    name: str
    models: str  # the file of the models
    versions: str  # the folder of the migrations
    imports: str  # of a script that uses the models
    tables: Mapping[str, str]  # by model
    rows: Mapping[str, Mapping[str, str]]  # by model: each column's value as Python, `{n}` a number
    upgrade: str = "flask db upgrade"
    migrate: str = "flask db migrate -m change"
    stamp: str = "flask db stamp head"
    versions_made: str = ""  # what a command makes `versions` with, if it isn't there
    base: str = "db.Model"
    columns: str = ""  # what stands before Integer, String, ForeignKey...
    config: str = ""  # the file with the database's URL
    url: str = 'os.environ["DATABASE_URL"]'

    @property
    def plain(self) -> bool:
        """Tell whether there is neither Flask-SQLAlchemy nor -Lite."""
        return self.name == "plain"

    @property
    def flask_migrate(self) -> bool:
        return self.upgrade.startswith("flask db")

    def script(self, code: str, context: bool = True) -> str:
        """Write a script that runs code with the models and `session`, as people do."""
        code = code.strip() + "\n"
        if self.plain:
            opened = f"with Session() as session:\n{indent(code, '    ')}" if context else code
            return f"{self.imports}\n\n{opened}"
        given = "session = db.session\n"
        code = given + code
        opened = f"with app.app_context():\n{indent(code, '    ')}" if context else code
        return f"{self.imports}\n\n{opened}"


ARTICLE = Setup(
    "article",
    models="models.py",
    versions="migrations/versions",
    imports=(
        "from app import app, db\nfrom models import Line, Station\n"
        "from sqlalchemy import select, text"
    ),
    tables={"Line": "lines", "Station": "stations"},
    rows={
        "Line": {"name": "'Line {n}'", "color": "'#{n:06}'"},
        "Station": {
            "code": "'S{n}'",
            "name": "'Stop {n}'",
            "lat": "48.{n}",
            "platforms": "{n}",
            "line_id": "1",
        },
    },
    versions_made="flask db init",
    columns="db.",
    config="app.py",
)
MICROBLOG = Setup(
    "microblog",
    models="app/models.py",
    versions="migrations/versions",
    imports=(
        "from app import app, db\nfrom app.models import Post, User\n"
        "from sqlalchemy import select, text"
    ),
    tables={"User": "users", "Post": "posts"},
    rows={
        "User": {"username": "'mira{n}'", "email": "'mira{n}@example.com'", "bio": "'me'"},
        "Post": {"body": "'Post no {n}'", "user_id": "1", "language": "'en'"},
    },
    versions_made="flask db init",
    columns="sa.",
    config="config.py",
)
SHOP = Setup(
    "shop",
    models="shop/models.py",
    versions="migrations/versions",
    imports=(
        "from shop.extensions import db\n"
        "from shop.models import Customer, Order, OrderItem, Product, Status\n"
        "from sqlalchemy import select, text\nfrom wsgi import app"
    ),
    tables={
        "Customer": "customers",
        "Product": "products",
        "Order": "orders",
        "OrderItem": "order_items",
    },
    rows={
        "Customer": {"email": "'c{n}@example.com'", "name": "'Customer {n}'"},
        "Product": {"sku": "'A-{n}'", "title": "'Thing {n}'", "price": "'{n}.50'", "stock": "{n}"},
        "Order": {"customer_id": "1", "status": "Status.open", "note": "'note {n}'"},
        "OrderItem": {"order_id": "1", "product_id": "1", "quantity": "{n}"},
    },
    versions_made="flask db init",
    config="shop/__init__.py",
)
BIRDS = Setup(
    "birds",
    models="birds/models.py",
    versions="birds/migrations",
    imports=(
        "from datetime import date\n\nfrom birds import db\n"
        "from birds.models import Bird, Sighting\n"
        "from sqlalchemy import select, text\nfrom wsgi import app"
    ),
    tables={"Bird": "birds", "Sighting": "sightings"},
    rows={
        "Bird": {"name": "'Bird {n}'", "latin": "'Avis {n}'", "wingspan": "{n}"},
        "Sighting": {"bird_id": "1", "place": "'Pond {n}'", "seen_on": "date(2026, 1, 1)"},
    },
    upgrade="flask alembic upgrade",
    migrate="flask alembic revision change",
    stamp="flask alembic stamp",
    base="Model",
    config="birds/__init__.py",
)
PLAIN = Setup(
    "plain",
    models="models.py",
    versions="migrations/versions",
    imports="from app import Author, Book, Session\nfrom sqlalchemy import select, text",
    tables={"Author": "authors", "Book": "books"},
    rows={
        "Author": {"name": "'Author {n}'", "born": "19{n}"},
        "Book": {"title": "'Book {n}'", "isbn": "'{n:013}'", "author_id": "1", "pages": "{n}"},
    },
    upgrade="alembic upgrade head",
    migrate="alembic revision --autogenerate -m change",
    stamp="alembic stamp head",
    base="Base",
    config="database.py",
)
SETUPS = {setup.name: setup for setup in (ARTICLE, MICROBLOG, SHOP, BIRDS, PLAIN)}
