"""Each mistake in models, provoked for real: the entry, what it names, and that its fix helps."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from clusters import Cluster, last_step, lifted_app
from flask_doctor.catalogue import THEMES
from project import APP, Project

ID = "    id = db.Column(db.Integer, primary_key=True)\n"
TRAIN = f"class Train(db.Model):\n{ID}"
MAPPED = (
    "class Train(Base):\n    __tablename__ = 'trains'\n"
    "    id: Mapped[int] = mapped_column(primary_key=True)\n"
)
KEY = "    station_id = db.Column(db.ForeignKey('stations.id'))\n"
STATION = f"{TRAIN}{KEY}    station = db.relationship('Station'"  # and arguments
LINE = f"class Line(db.Model):\n{ID}    trains = db.relationship('Train'"
TWO_KEYS = (
    f"{TRAIN}    from_id = db.Column(db.ForeignKey('stations.id'))\n"
    "    to_id = db.Column(db.ForeignKey('stations.id'))\n"
)
NODE = f"class Node(db.Model):\n{ID}    parent_id = db.Column(db.ForeignKey('node.id'))\n"
BETWEEN = "between = db.Table('between', db.Column('t', db.Integer), db.Column('s', db.Integer))\n"
TREE = "class A(db.Model):\n    __tablename__ = 'a'\n" + ID

HELPS = "helps"
# The name of the case: the models, what is done with them, the entry, a part of its text, and
# whether the fix, made as it is printed, helps.
CASES: dict[str, tuple[str, str, str, str, str]] = {
    "no key": ("class Train(db.Model):\n    name = db.Column(db.String)\n", "", "primary-key-missing", "+ id = db.Column(db.Integer, primary_key=True)", HELPS),
    "no key, mapped": ("class Train(Base):\n    __tablename__ = 'trains'\n    name: Mapped[str]\n", "", "primary-key-missing", "models.py, line 33: class Train(Base):", HELPS),
    "key unmarked": ("class Train(db.Model):\n    id: Mapped[int]\n", "", "primary-key-unmarked", "+ id: Mapped[int] = mapped_column(primary_key=True)", HELPS),
    "key unmarked, classic": ("class Train(db.Model):\n    id = db.Column(db.Integer)\n", "", "primary-key-unmarked", "models.py, line 34: id", HELPS),
    "key misspelt": ("class Train(db.Model):\n    id = db.Column(db.Integer, primary_Key=True)\n", "", "argument-misspelt", "primary_key", HELPS),
    "key without underscore": ("class Train(db.Model):\n    id = db.Column(db.Integer, primarykey=True)\n", "", "argument-misspelt", "primary_key", HELPS),
    "comma": ("class Train(db.Model):\n    id = db.Column(db.Integer, primary_key=True),\n", "", "comma-after-column", "Train", HELPS),
    "lower case": ("class Train(db.Model):\n    id = db.column(db.Integer, primary_key=True)\n", "", "column-in-lower-case", "db.Column(", HELPS),
    "base without abstract": ("class Common(db.Model):\n    name: Mapped[str]\nclass Train(Common):\n    id: Mapped[int] = mapped_column(primary_key=True)\n", "", "abstract-missing", "Common", HELPS),
    "base without abstract, declarative": ("class Common(Base):\n    name: Mapped[str]\nclass Train(Common):\n    __tablename__ = 'trains'\n    id: Mapped[int] = mapped_column(primary_key=True)\n", "", "abstract-missing", "Common", HELPS),
    "no table name": ("class FastTrain(Base):\n    id: Mapped[int] = mapped_column(primary_key=True)\n", "", "tablename-missing", '__tablename__ = "fast_train"', HELPS),
    "table name misspelt": (MAPPED.replace("__tablename__", "__table_name__"), "", "tablename-misspelt", "models.py, line 34", HELPS),
    "bases in wrong order": ("class Common(db.Model):\n    __abstract__ = True\nclass Train(db.Model, Common):\n" + ID, "", "base-class-order", "line 35", ""),
    "metaclass": ("import abc\nclass I(abc.ABC): pass\nclass Train(I, db.Model):\n" + ID, "", "metaclass-conflict", "", ""),
    "DeclarativeBase itself": ("class Train(DeclarativeBase):\n    id: Mapped[int]\n", "", "declarative-base-itself", "class Train(Base):", ""),
    "table twice": (f"class Halt(db.Model):\n    __tablename__ = 'stations'\n{ID}", "", "table-defined-twice", "models.py, line 22: class Station", ""),
    "two bases": (f"class Line(Base):\n    __tablename__ = 'lines'\n    id: Mapped[int] = mapped_column(primary_key=True)\n    s: Mapped['Station'] = relationship()\n", "", "two-bases", "`Station` belongs to another base class than Line", ""),
    "inheritance without key": (TREE + f"class B(A):\n    __tablename__ = 'b'\n{ID}", "", "inheritance-key-missing", "Model B", ""),
    "polymorphic_on": (TREE + "    __mapper_args__ = {'polymorphic_on': 'kind'}\n", "", "polymorphic-column-missing", "`kind`", HELPS),
    "mapper args": (TREE + "    __mapper_args__ = {'polymorphic_identiy': 'a'}\n", "", "argument-misspelt", "polymorphic_identity", HELPS),
    "unknown argument": (TRAIN + "    name = db.Column(db.String, flavour=1)\n", "", "argument-unknown", "flavour", ""),
    "argument of another framework": (TRAIN + "    name = db.Column(db.String, null=False)\n", "", "argument-misspelt", "nullable=False", HELPS),
    "length of a column": (TRAIN + "    name = db.Column(length=5)\n", "", "argument-elsewhere", "String(...)", ""),
    "argument of a relationship": (STATION + ", back_populate='trains')\n", "", "argument-misspelt", "back_populates=", ""),
    "argument of a type": (TRAIN + "    at = db.Column(db.DateTime(timezon=True))\n", "", "argument-misspelt", "timezone=True", HELPS),
    "argument left out": (TRAIN + "    tags = db.Column(db.ARRAY)\n", "", "argument-missing", "item_type", ""),
    "Python's type": (TRAIN + "    name = db.Column(str)\n", "", "column-type-python", "+ name = db.Column(db.String)", HELPS),
    "enum itself": ("class Kind(enum.Enum):\n    a = 1\n" + TRAIN + "    kind = db.Column(Kind)\n", "", "column-type-python", "db.Enum(Kind)", HELPS),
    "two types": (TRAIN + "    name = db.Column(db.String, db.Integer)\n", "", "column-argument-wrong", "line 35", ""),
    "no type": (TRAIN + "    name = db.Column()\n", "", "column-type-missing", "Column name of table train", HELPS),
    "column twice": (TRAIN + "    a = db.Column('n', db.String)\n    b = db.Column('n', db.String)\n", "", "column-defined-twice", "", ""),
    "column shared": ("x = db.Column(db.String)\n" + TRAIN + "    a = x\n" + TREE + "    a = x\n", "", "column-shared", "", ""),
    "column of parent": (TREE + "class B(A):\n    x = db.Column(db.String)\nclass C(A):\n    x = db.Column(db.String)\n", "", "column-of-parent", "", ""),
    "server_default": (TRAIN + "    n = db.Column(db.Integer, server_default=0)\n", "", "server-default-not-text", "line 35", HELPS),
    "default function": (TRAIN + "    n = db.Column(db.Integer, default=lambda a, b: 0)\n", "", "default-function-wrong", "", ""),
    "autoincrement": ("class Train(db.Model):\n    n = db.Column(db.String, primary_key=True, autoincrement=True)\n", "", "autoincrement-not-a-number", "", ""),
    "dataclass order": ("class Train(MappedAsDataclass, Base):\n    __tablename__ = 'trains'\n    id: Mapped[int] = mapped_column(primary_key=True, default=None)\n    n: Mapped[str]\n", "", "dataclass-order", "", ""),
    "dataclass missing": (MAPPED + "    n: Mapped[str] = mapped_column(init=False)\n", "", "dataclass-missing", "line 36", ""),
    "reserved name": (TRAIN + "    metadata = db.Column(db.JSON)\n", "", "reserved-name", "", HELPS),
    "query as a column": (TRAIN + "    query = db.Column(db.String)\n", "Train.query.all()", "query-is-a-column", "", ""),
    "index misspelt": (TRAIN + "    name = db.Column(db.String)\n    __table_args__ = (db.Index('ix', 'nmae'),)\n", "", "constraint-column-misspelt", "db.Index('ix', 'name')", HELPS),
    "constraint names nothing": (TRAIN + "    __table_args__ = (db.UniqueConstraint('flavour'),)\n", "", "constraint-column-missing", "The columns are: id", ""),
    "no tuple": (TRAIN + "    __table_args__ = (db.UniqueConstraint('id'))\n", "", "table-args-not-tuple", "(db.UniqueConstraint('id'),)", HELPS),
    "a list": (TRAIN + "    __table_args__ = [db.UniqueConstraint('id')]\n", "", "table-args-not-tuple", "(db.UniqueConstraint('id'),)", HELPS),
    "dict first": (TRAIN + "    __table_args__ = ({'schema': 'x'}, db.UniqueConstraint('id'))\n", "", "table-args-order", "", ""),
    "foreign key of unequal columns": (TRAIN + "    __table_args__ = (db.ForeignKeyConstraint(['id'], ['stations.id', 'stations.name']),)\n", "", "foreign-key-columns-unequal", "", ""),
    "foreign key to a class": (TRAIN + "    s = db.Column(db.ForeignKey(Station))\n", "", "foreign-key-to-class", "", HELPS),
    "enum without name": (TRAIN + "    k = db.Column(db.Enum('new', 'old'))\n", "", "enum-name-missing", "", HELPS),
    "nested array": (TRAIN + "    k = db.Column(ARRAY(ARRAY(Integer)))\n", "", "array-nested", "", HELPS),
    "mysql": ("from sqlalchemy.dialects.mysql import MEDIUMTEXT\n" + TRAIN + "    k = db.Column(MEDIUMTEXT)\n", "", "type-of-other-database", "Column k of table train", ""),
    "long name": ("class Train(db.Model):\n    __tablename__ = 't' * 70\n" + ID, "", "name-too-long", "tttt", ""),
    "nameless check": ("m = MetaData(naming_convention={'ck': '%(constraint_name)s'})\nt = Table('t', m, Column('id', Integer), CheckConstraint('id>0'))\n", "", "constraint-name-missing", "", ""),
    "nameless drop": ("t = Table('t', MetaData(), Column('id', Integer, primary_key=True), Column('s', ForeignKey('t.id')))\n", "from sqlalchemy.schema import DropConstraint\nprint(DropConstraint(next(iter(t.foreign_keys)).constraint))", "constraint-nameless", "", ""),
    "circle": (f"class A(db.Model):\n{ID}    b = db.Column(db.ForeignKey('b.id'))\nclass B(db.Model):\n{ID}    a = db.Column(db.ForeignKey('a.id'))\n", "db.metadata.drop_all(mock)", "tables-in-a-circle", "", ""),
    "not Mapped": (MAPPED + "    n: int = mapped_column()\n", "", "annotation-not-mapped-edit", "+ n: Mapped[int] = mapped_column()", HELPS),
    "Optional outside": (MAPPED + "    n: Optional[Mapped[str]]\n", "", "annotation-not-mapped-edit", "+ n: Mapped[Optional[str]]", HELPS),
    "colon for equals": (MAPPED + "    n: mapped_column(String)\n", "", "annotation-not-mapped-edit", "+ n = mapped_column(String)", HELPS),
    "bare Mapped": (MAPPED + "    n: Mapped\n", "", "annotation-not-mapped", "", ""),
    "no annotation": (MAPPED + "    n = mapped_column()\n", "", "annotation-missing", "Attribute n", ""),
    "list": (MAPPED + "    n: Mapped[list[str]]\n", "", "annotation-needs-type", "mapped_column(ARRAY(String))", HELPS),
    "dict": (MAPPED + "    n: Mapped[dict] = mapped_column(nullable=True)\n", "", "annotation-needs-type", "mapped_column(JSONB, nullable=True)", HELPS),
    "model for a type": (MAPPED + "    bird_id: Mapped[int] = mapped_column(ForeignKey('birds.id'))\n    bird: Mapped['Bird']\n", "", "annotation-needs-relationship", "+ bird: Mapped['Bird'] = relationship()", HELPS),
    "class for a type": ("class Song: pass\n" + MAPPED + "    n: Mapped[Song]\n", "", "annotation-type-unknown", "Song", ""),
    "SQLAlchemy's type": (MAPPED + "    n: Mapped[String]\n", "", "annotation-sqlalchemy-type", "line 36", ""),
    "module for a type": ("import datetime\n" + MAPPED + "    n: Mapped[datetime]\n", "", "annotation-no-type", "line 37", HELPS),
    "unknown type": (MAPPED + "    n: Mapped['Optinal[str]']\n", "", "annotation-name-unknown", "known here: Optinal", ""),
    "table of foreign key": (TRAIN + "    s = db.Column(db.ForeignKey('station.id'))\n", "", "foreign-key-table-misspelt", "'stations.id'", HELPS),
    "class for table": (TRAIN + "    s = db.Column(db.ForeignKey('Station.id'))\n    station = db.relationship('Station')\n", "", "foreign-key-table-misspelt", "'stations.id'", HELPS),
    "schema left out": (f"class Line(db.Model):\n    __table_args__ = {{'schema': 'geo'}}\n{ID}{TRAIN}    s = db.Column(db.ForeignKey('line.id'))\n", "", "foreign-key-table-misspelt", "'geo.line.id'", HELPS),
    "unknown table": (TRAIN + "    s = db.Column(db.ForeignKey('nowhere.id'))\n", "", "foreign-key-table-unknown", "nowhere", ""),
    "column of foreign key": (TRAIN + "    s = db.Column(db.ForeignKey('stations.uid'))\n", "", "foreign-key-column-misspelt", "'stations.id'", HELPS),
    "table without column": (TRAIN + "    s = db.Column(db.ForeignKey('stations'))\n", "", "foreign-key-column-misspelt", "'stations.id'", HELPS),
    "unknown column": (TRAIN + "    s = db.Column(db.ForeignKey('stations.flavour'))\n", "", "foreign-key-column-unknown", "id, name", ""),
    "column is no key": (f"{TRAIN}    station_id = db.Column(db.Integer)\n    station = db.relationship('Station')\n", "", "foreign-key-unmarked", 'db.Column(db.Integer, db.ForeignKey("stations.id"))', HELPS),
    "column is no key, mapped": (MAPPED + "    bird_id: Mapped[int]\n    bird: Mapped['Bird'] = relationship()\n", "", "foreign-key-unmarked", 'mapped_column(ForeignKey("birds.id"))', HELPS),
    "no foreign key": (f"{TRAIN}    station = db.relationship('Station')\n", "", "foreign-key-missing", 'station_id = db.Column(db.ForeignKey("stations.id"))', HELPS),
    "no foreign key of many": (MAPPED + "    birds: Mapped[list['Bird']] = relationship()\n", "", "foreign-key-missing", "Add a column with a foreign key to model Bird", ""),
    "table between": (f"{BETWEEN}{TRAIN}    s = db.relationship('Station', secondary=between)\n", "", "foreign-key-missing-secondary", "between", ""),
    "ambiguous": (TWO_KEYS + "    to = db.relationship('Station')\n", "", "foreign-keys-ambiguous", 'foreign_keys="Train.to_id"', HELPS),
    "ambiguous, of many": (f"{LINE})\n{TRAIN}    a_id = db.Column(db.ForeignKey('line.id'))\n    b_id = db.Column(db.ForeignKey('line.id'))\n", "", "foreign-keys-ambiguous", 'foreign_keys="Train.a_id"', HELPS),
    "ambiguous join": (TWO_KEYS, "print(select(Train).join(Station))", "foreign-keys-ambiguous-join", "", ""),
    "ambiguous secondary": ("between = db.Table('between', db.Column('t', db.ForeignKey('train.id')), db.Column('u', db.ForeignKey('train.id')), db.Column('s', db.ForeignKey('stations.id')))\n" + f"{TRAIN}    s = db.relationship('Station', secondary=between)\n", "", "foreign-keys-ambiguous-secondary", "", ""),
    "no join": (TRAIN, "print(select(Train).join(Station))", "join-unknown", "Station", ""),
    "target misspelt": (f"{TRAIN}{KEY}    station = db.relationship('Statoin')\n", "", "relationship-name-misspelt", "'Station'", HELPS),
    "table for target": (f"{TRAIN}{KEY}    station = db.relationship('stations')\n", "", "relationship-name-misspelt", "'Station'", HELPS),
    "target unknown": (f"{TRAIN}    driver = db.relationship('Person')\n", "", "relationship-name-unknown", "Station, Train", ""),
    "target is no model": ("class Foo: pass\n" + TRAIN + "    foo = db.relationship(Foo)\n", "", "relationship-target-wrong", "line 36", ""),
    "two of a name": (f"Other = type('Station', (db.Model,), dict(__tablename__='other', __module__='far', id=db.Column(db.Integer, primary_key=True)))\n{STATION})\n", "", "relationship-ambiguous", "Station", ""),
    "column without its model": (f"{STATION}, foreign_keys='station_id')\n", "", "relationship-name-misspelt", "'Train.station_id'", HELPS),
    "column in a list": (f"{STATION}, foreign_keys=['station_id'])\n", "", "relationship-columns-as-text", 'foreign_keys="Train.station_id"', HELPS),
    "column misspelt": (f"{STATION}, foreign_keys='Train.statin_id')\n", "", "attribute-misspelt", "'Train.station_id'", HELPS),
    "remote_side of Python's id": (f"{NODE}    parent = db.relationship('Node', remote_side='id')\n", "", "relationship-columns-as-text", 'remote_side="Node.id"', HELPS),
    "no other side": (f"{STATION}, back_populates='trains')\n", "", "back-populates-missing", "+ trains = db.relationship", ""),
    "no other side, in the file": (f"{LINE}, back_populates='line')\n{TRAIN}    line_id = db.Column(db.ForeignKey('line.id'))\n", "", "back-populates-missing", '+ line = db.relationship("Line", back_populates="trains")', HELPS),
    "other side misspelt": (f"{LINE}, back_populates='lien')\n{TRAIN}    line_id = db.Column(db.ForeignKey('line.id'))\n    line = db.relationship('Line', back_populates='trains')\n", "", "back-populates-misspelt", "back_populates='line'", HELPS),
    "other side is a column": (f"{STATION}, back_populates='name')\n", "", "back-populates-column", "Station.name", ""),
    "backref taken": (f"{LINE})\n{TRAIN}    line_id = db.Column(db.ForeignKey('line.id'))\n    line = db.relationship('Line', backref='trains')\n", "", "backref-taken", "`trains`", ""),
    "both": (f"{STATION}, backref='trains', back_populates='trains')\n", "", "backref-and-back-populates", "", ""),
    "same direction": (f"{NODE}    children = db.relationship('Node', back_populates='parent')\n    parent = db.relationship('Node', back_populates='children')\n", "", "same-direction", 'back_populates=\'children\', remote_side="Node.id")', HELPS),
    "delete-orphan": (f"{STATION}, cascade='all, delete-orphan')\n", "", "delete-orphan-side", "Train.station", ""),
    "cascade misspelt": (f"{STATION}, cascade='all, delete_orphan')\n", "", "option-misspelt", "+ station = ", ""),
    "cascade unknown": (f"{STATION}, cascade='CASCADES')\n", "", "option-unknown", "delete-orphan", ""),
    "lazy misspelt": (f"{STATION}, lazy='joind')\n", "", "option-misspelt", "lazy='joined'", HELPS),
    "dynamic to one": (f"{STATION}, lazy='dynamic')\n", "", "dynamic-not-a-list", "", ""),
    "secondary is a model": (f"{TREE}{STATION}, secondary=A)\n", "", "secondary-is-model", "Train.station", ""),
    "mixin": (f"class Mixin:\n    s = db.relationship('Station')\nclass Train(Mixin, db.Model):\n{ID}", "", "mixin-relationship", "", ""),
    "of the original cause": (f"{TRAIN}    station = db.relationship('Statoin')\n", "", "relationship-name-misspelt", "Train.station", ""),
    "keyword misspelt": ("", "Station(nmae='x')", "attribute-misspelt", "Station(name='x')", ""),
    "keyword unknown": ("", "Station(flavour='x')", "attribute-unknown", "id, name", ""),
    "positional": ("", "Station('x')", "constructor-positional", "use.py", ""),
    "own constructor": (TRAIN + "    def __init__(self): pass\n", "Train(id=1)", "constructor-own", "Train", ""),
    "attribute misspelt": ("", "Station.nmae", "attribute-misspelt", "Station.name", ""),
    "filter_by misspelt": ("", "select(Station).filter_by(nmae='x')", "attribute-misspelt", "filter_by(name='x')", ""),
    "no model": ("class Foo: pass\n", "Session().add(Foo())", "not-a-model", "Foo", ""),
    "no model in a query": ("class Foo: pass\n", "select(Foo)", "not-a-model", "Foo", ""),
    "no model to get": ("class Foo: pass\n", "Session().get(Foo, 1)", "no-model-in-query", "", ""),
    "list to the session": ("", "Session().add([Station()])", "not-a-model-value", "list", ""),
    "class to the session": ("", "Session().add(Station)", "class-instead-of-object", "Station", ""),
    "select of a list": ("", "select([Station])", "select-with-brackets", "", ""),
    "property": (TRAIN + "    @property\n    def up(self): return 1\n", "select(Train).where(Train.up)", "property-in-query", "", ""),
    "and": ("", "if Station.id > 1 and Station.id < 5: pass", "condition-in-python", "use.py", ""),
    "in_": ("", "Station.id.in_(3)", "in-needs-a-list", "3", ""),
    "relationship compared": (STATION + ")\n", "Train.station == 5", "relationship-compared", "", ""),
    "attribute through a relationship": (STATION + ")\n", "Train.station.name", "attribute-of-column", "Train.station has no `name`", ""),
    "proxy": (STATION + ")\n    names = association_proxy('station', 'nmae')\n", "Train.names == 'x'", "association-proxy-wrong", "nmae", ""),
    "one for many": (f"{LINE})\n{TRAIN}    line_id = db.Column(db.ForeignKey('line.id'))\n", "Line(trains=Train())", "relationship-needs-a-list", "", ""),
    "text for an object": (f"{LINE})\n{TRAIN}    line_id = db.Column(db.ForeignKey('line.id'))\n", "Line(trains=['x'])", "relationship-needs-objects", "str", ""),
    "order by text": ("", "print(select(Station).order_by('name desc'))", "order-by-text", "name desc", ""),
    "where by name": ("", "select(Station).where(name='x')", "where-by-name", "", ""),
    "create_all of nothing": ("", "Base.metadata.create_all()", "table-expected", "", ""),
    "create_all of an application": ("", "Base.metadata.create_all(app)", "table-expected", "", ""),
    "db misspelt": (TRAIN + "    n = db.Column(db.Interger)\n", "", "db-name-unknown", "+ db.Integer", HELPS),
    "db of Lite": ("import flask_sqlalchemy_lite as lite\nclass T(lite.SQLAlchemy().Model): pass\n", "", "db-name-unknown-lite", "", ""),
    "init_app twice": ("", "db.init_app(app)", "init-app-twice", "", ""),
    "init_app late": ("", "app.test_client().get('/'); del app.extensions['sqlalchemy']; SQLAlchemy(app)", "init-app-late", "", ""),
    "bind": (f"class Train(db.Model):\n    __bind_key__ = 'other'\n{ID}", "db.session.execute(select(Train))", "bind-unknown", '"other"', ""),
    "no bind": ("", "Session().execute(select(Bird))", "session-unbound", "", ""),
    "engine of Lite": ("", "import flask_sqlalchemy_lite as l; a = Flask('b'); a.config['SQLALCHEMY_ENGINES'] = {'default': 'sqlite://'}; d = l.SQLAlchemy(a); a.app_context().push(); d.get_engine('x')", "engine-unknown", "name x", ""),
    "anything else": (TRAIN + "    k = db.Column(db.Enum(['a']))\n", "", "model-invalid", "Model Train", ""),
}
# By another version of SQLAlchemy or by more than one file; these have tests of their own.
ELSEWHERE = {"mutable-default", "module-imported-twice", "back-populates-crossed"}


@pytest.fixture(scope="session")
def answers() -> dict[str, list[str | None]]:
    script = Path(__file__).with_name("provoke.py")
    cases = {name: case[:2] for name, case in CASES.items()}
    command = [sys.executable, "-W", "ignore", str(script)]
    done = subprocess.run(command, input=json.dumps(cases), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_in_the_models_is_explained(name: str, answers: dict[str, list[str | None]]):
    *_, entry, part, helps = CASES[name]
    found, text, after = answers[name]
    assert found == entry, text
    assert part in text
    if helps:
        assert after == "", text


def test_each_entry_of_the_models_is_provoked():
    provoked = {case[2] for case in CASES.values()} | ELSEWHERE
    assert {entry.id for entry in THEMES["Models"]} <= provoked
