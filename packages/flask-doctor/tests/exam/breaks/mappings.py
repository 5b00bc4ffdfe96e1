"""Models that SQLAlchemy can't map."""

from ..world import Unfit, World
from . import broken


@broken("primary-key-missing", "primary-key-unmarked")
def no_primary_key(world: World) -> None:
    world.sub(world.setup.models, r"(mapped_column|db\.Column)\((.*)primary_key=True\)", r"\1(\2)")


@broken("tablename-missing", "tablename-misspelt")
def tablename_forgotten(world: World) -> None:
    if world.setup.name not in ("birds", "plain"):
        raise Unfit("Flask-SQLAlchemy makes a name")
    world.sub(world.setup.models, r'^    __tablename__ = ".*"\n', "")


@broken("relationship-name-unknown")
def relationship_to_an_unknown_class(world: World) -> None:
    new = world.random.choice([r"\1\2z\3", r"\1\2s\3", r"\1tbl\2\3"])
    if world.setup.name == "article":
        world.sub("models.py", r'(relationship\(")(\w+)(")', new)
    else:
        world.sub(world.setup.models, r'(Mapped\[(?:list\[)?")(\w+)("\]?\] = relationship)', new)


@broken("foreign-key-table-unknown", "foreign-key-to-class")
def foreign_key_to_an_unknown_table(world: World) -> None:
    wrong = world.random.choice(["Singular", "cut", "class"])
    content = world.read(world.setup.models)
    import re

    keys = re.findall(r'ForeignKey\("(\w+)\.id"\)', content)
    table = world.random.choice(keys)
    new = {"Singular": table.rstrip("s"), "cut": table[:-2], "class": table.title()}[wrong]
    world.sub(world.setup.models, rf'ForeignKey\("{table}\.id"\)', f'ForeignKey("{new}.id")')


@broken("foreign-key-column-unknown")
def foreign_key_to_an_unknown_column(world: World) -> None:
    new = world.random.choice(["ids", "pk", "name_id", "ID"])
    world.sub(world.setup.models, r'ForeignKey\("(\w+)\.id"\)', rf'ForeignKey("\1.{new}")')


@broken("foreign-key-column-unknown")
def foreign_key_without_a_column(world: World) -> None:
    world.sub(world.setup.models, r'ForeignKey\("(\w+)\.id"\)', r'ForeignKey("\1")')


@broken(
    "column-defined-twice",
    "foreign-keys-ambiguous",
    "foreign-keys-ambiguous-join",
    "foreign-keys-ambiguous-secondary",
    "relationship-ambiguous",
)
def two_foreign_keys(world: World) -> None:
    content = world.read(world.setup.models)
    import re

    target = world.random.choice(re.findall(r"^    (\w+_id)\b.*ForeignKey", content, re.M))
    name = world.random.choice(["editor_id", "second_id", "previous_id"])
    world.sub(world.setup.models, rf"^    {target}\b(.*)\n", rf"    {target}\1\n    {name}\1\n")


@broken("foreign-key-missing", "foreign-key-unmarked")
def foreign_key_forgotten(world: World) -> None:
    if world.setup.name == "article":
        world.sub("models.py", r', db\.ForeignKey\(".*"\)', "")
    elif world.setup.name == "microblog":
        world.edit("app/models.py", 'sa.ForeignKey("users.id"), index=True', "index=True")
    else:
        world.sub(world.setup.models, r'mapped_column\(ForeignKey\(".*"\)', "mapped_column(")


@broken("back-populates-missing")
def back_populates_misspelled(world: World) -> None:
    world.sub(world.setup.models, r'back_populates="(\w+)\w"', r'back_populates="\1"')


@broken("annotation-not-mapped")
def annotation_without_mapped(world: World) -> None:
    world.sub(world.setup.models, r": Mapped\[(str|int|Decimal)\] = mapped", r": \1 = mapped")


@broken(
    "annotation-needs-relationship",
    "annotation-needs-type",
    "annotation-no-type",
    "annotation-type-unknown",
    "type-unknown",
)
def type_that_no_column_has(world: World) -> None:
    kind = world.random.choice(["dict", "list", "set", "object", "list[str]"])
    world.sub(
        world.setup.models,
        r"^    (\w+): Mapped\[(?:int|str) \| None\] = mapped_column\(.*\)",
        rf"    \1: Mapped[{kind}] = mapped_column()",
    )


@broken("table-defined-twice")
def table_defined_twice(world: World) -> None:
    content = world.read(world.setup.models)
    tables = list(world.setup.tables.values())
    first, second = world.random.sample(tables, 2)
    world.write(world.setup.models, content.replace(f'"{first}"', f'"{second}"', 1))
    world.say(f"two models have the table {second}")


@broken("reserved-name")
def reserved_attribute(world: World) -> None:
    if world.setup.base != "db.Model":
        raise Unfit("SQLAlchemy 2.1 only warns")
    world.add_attribute(world.model(), "metadata", "String")


@broken("base-class-order")
def base_classes_in_wrong_order(world: World) -> None:
    base = world.setup.base
    content = world.read(world.setup.models)
    old = f"class {world.model()}({'BaseModel' if world.setup.name == 'article' else base}):"
    mixin = f"class Mixed({base}):\n    __abstract__ = True\n\n\n"
    if old not in content:
        raise Unfit("another base")
    new = old.replace("(", f"({base}, ").replace(f"{base}, {base}", f"{base}, Mixed")
    if world.setup.name == "article":
        mixin, new = "", old.replace("(", "(db.Model, ")
    world.write(world.setup.models, content.replace(old, mixin + new))
    world.say(new)


@broken("abstract-missing", "primary-key-missing", "primary-key-unmarked", "tablename-missing")
def abstract_forgotten(world: World) -> None:
    base = world.setup.base
    content = world.read(world.setup.models)
    if world.setup.name == "article":
        world.edit("models.py", "    __abstract__ = True\n\n    id = db", "    id = db")
        return
    model = world.model()
    world.write(
        world.setup.models,
        content.replace(
            f"class {model}({base}):",
            f"class Timed({base}):\n    note: Mapped[str | None] = mapped_column()\n\n\n"
            f"class {model}(Timed):",
        ),
    )
    world.say("Timed is not abstract")


@broken("argument-unknown")
def column_argument_misspelled(world: World) -> None:
    new = world.random.choice([r"\1(\2, nulable=True)", r"\1(\2, primarykey=True)"])
    column = r"^(.*= (?:mapped_column|db\.Column))\(((?:sa\.|db\.)?(?:String|Integer|Float).*)\)$"
    world.sub(world.setup.models, column, new)


@broken("relationship-name-unknown")
def secondary_table_misspelled(world: World) -> None:
    new = world.random.choice(['secondary="folowers"', 'secondary="follower"'])
    if world.setup.name != "microblog":
        raise Unfit("no secondary table")
    world.sub("app/models.py", r"secondary=followers", new)
