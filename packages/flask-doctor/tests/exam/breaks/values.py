"""Values that the database or the driver refuses."""

from ..world import Unfit, World
from . import EITHER, WELL, broken


def adding(world: World, model: str, **changed: str | None) -> str:
    values = world.values(model, world.random.randint(10, 99), **changed)
    return world.script(f"session.add({model}({values}))\nsession.commit()")


def unique_column(world: World) -> tuple[str, str]:
    rows = {
        "Line": "name", "Station": "code", "User": "username", "Customer": "email",
        "Product": "sku", "Bird": "name", "Author": "name", "Book": "isbn",
    }  # fmt: skip
    model = world.random.choice([model for model in world.setup.tables if model in rows])
    return model, rows[model]


@broken("key-taken", "unique-taken", doctor=WELL)
def value_twice(world: World) -> str:
    model, column = unique_column(world)
    n = world.random.randint(1, 3)
    value = world.setup.rows[model][column].format(n=n)
    return adding(world, model, **{column: value})


@broken("key-taken", "unique-taken", doctor=WELL)
def value_twice_by_update(world: World) -> str:
    model, column = unique_column(world)
    value = world.setup.rows[model][column].format(n=1)
    return world.script(f"session.get({model}, 2).{column} = {value}\nsession.commit()")


@broken("id-taken", doctor=WELL)
def sequence_behind(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    world.sql(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {world.random.choice('12')})"
    )
    world.say(f"the sequence of {table} is behind, after an import with ids")
    return adding(world, model)


@broken("value-missing", doctor=WELL)
def value_left_out(world: World) -> str:
    model, column = world.required()
    return adding(world, model, **{column: world.random.choice([None, "None"])})


@broken("parent-missing", doctor=WELL)
def reference_to_nothing(world: World) -> str:
    models = [(m, c) for m, row in world.setup.rows.items() for c in row if c.endswith("_id")]
    model, column = world.random.choice(models)
    return adding(world, model, **{column: str(world.random.randint(1000, 9999))})


@broken("children-left", doctor=WELL)
def referenced_row_deleted(world: World) -> str:
    rows = world.query("SELECT confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'")
    table = world.random.choice(rows)[0]
    return world.script(f'session.execute(text("DELETE FROM {table} WHERE id = 1"))')


@broken("child-emptied", doctor=WELL)
def parent_deleted_without_cascade(world: World) -> str:
    parents = {"microblog": "User", "shop": "Customer", "birds": "Bird", "plain": "Author"}
    if world.setup.name not in parents:
        raise Unfit("may be null")
    parent = parents[world.setup.name]
    return world.script(f"session.delete(session.get({parent}, 1))\nsession.commit()")


@broken("check-failed", doctor=WELL)
def check_violated(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    if world.setup.name == "shop" and world.random.random() < 0.5:
        return adding(world, "Product", price=f"-{world.random.randint(1, 9)}")
    world.sql(f"ALTER TABLE {table} ADD CONSTRAINT {table}_small CHECK (id < 4)")
    world.say(f"a check on {table}")
    return adding(world, model)


@broken("text-too-long", doctor=WELL)
def text_too_long(world: World) -> str:
    model, column = world.column(text=True)
    return adding(world, model, **{column: f"'x' * {world.random.randint(260, 900)}"})


@broken("python-value-wrong", "text-not-a-value", "value-of-other-type", doctor=WELL)
def text_for_a_number(world: World) -> str:
    numbers = [(m, c) for m, r in world.setup.rows.items() for c in r if c.endswith("_id")]
    numbers += [(m, c) for m, r in world.setup.rows.items() for c, v in r.items() if v == "{n}"]
    model, column = world.random.choice(numbers)
    value = world.random.choice(["'many'", "''", "'1,5'", "'3 or 4'", "'None'"])
    return adding(world, model, **{column: value})


@broken("python-value-wrong", "text-not-a-value", "value-of-other-type", doctor=WELL)
def text_for_an_id_in_a_query(world: World) -> str:
    model = world.model()
    value = world.random.choice(["abc", "", "1a", "first", "undefined"])
    table = world.setup.tables[model]
    return world.script(
        world.random.choice(
            [
                f"print(session.get({model}, {value!r}))",
                f"session.execute(text('SELECT * FROM {table} WHERE id = :id'), "
                f"{{'id': {value!r}}})",
            ]
        )
    )


@broken("number-not-found", "number-too-large", doctor=WELL)
def number_too_large(world: World) -> str:
    numbers = [(m, c) for m, r in world.setup.rows.items() for c, v in r.items() if v == "{n}"]
    if world.setup.name == "shop":
        numbers.append(("Product", "price"))
    numbers += [(m, c) for m, r in world.setup.rows.items() for c in r if c.endswith("_id")]
    model, column = world.random.choice(numbers)
    return adding(world, model, **{column: str(2**31 + world.random.randint(0, 10**9))})


@broken("type-not-sent", doctor=WELL)
def object_as_a_value(world: World) -> str:
    model, column = world.column(text=True)
    other = world.model()
    value = world.random.choice(
        [
            f"session.get({other}, 1)",
            "{'a': 1}",
            "object()",
            f"session.scalars(select({other})).all()",
            "{1, 2}",
        ]
    )
    return adding(world, model, **{column: value})


@broken("nul-in-text", doctor=WELL)
def nul_in_a_text(world: World) -> str:
    model, column = world.column(text=True)
    return adding(world, model, **{column: "'a' + chr(0)"})


@broken("text-not-a-value", doctor=WELL)
def date_that_is_none(world: World) -> str:
    value = world.random.choice(["tomorrowish", "31.02.2026", "2026-13-01", "soon", "2026-02-30"])
    kind = world.random.choice(["date", "timestamp", "timestamptz"])
    return world.script(
        f"session.execute(text('SELECT CAST(:day AS {kind})'), {{'day': {value!r}}})"
    )


@broken("enum-member-unknown", "enum-value-missing", "enum-value-unknown", doctor=WELL)
def value_not_in_the_enum(world: World) -> str:
    if world.setup.name != "shop":
        raise Unfit("no enum")
    value = world.random.choice(["'lost'", "'Open'", "'PAID'", "''"])
    return adding(world, "Order", status=value)


@broken("enum-value-missing", "enum-value-unknown", "model-drift", doctor=EITHER)
def enum_value_not_migrated(world: World) -> str:
    if world.setup.name != "shop":
        raise Unfit("no enum")
    name = world.random.choice(["lost", "returned", "cancelled"])
    world.edit("shop/models.py", '    sent = "sent"', f'    sent = "sent"\n    {name} = "{name}"')
    return adding(world, "Order", status=f"Status.{name}")


@broken("times-mixed", doctor=WELL)
def naive_and_aware_times(world: World) -> str:
    if world.setup.name != "microblog":
        raise Unfit("no time with a zone")
    return world.script(
        "from datetime import datetime\npost = session.get(Post, 1)\n"
        + world.random.choice(
            ["print(datetime.now() - post.timestamp)", "print(post.timestamp < datetime.now())"]
        )
    )


@broken("json-not-serializable", doctor=WELL)
def value_that_is_not_json(world: World) -> str:
    if world.setup.name != "shop":
        raise Unfit("no JSON")
    value = world.random.choice(
        ["{'since': __import__('datetime').date(2026, 1, 1)}", "{'tags': {1, 2}}"]
    )
    return adding(world, "Customer", address=value)


@broken("division-by-zero", doctor=WELL)
def division_by_zero(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    return world.script(f'session.execute(text("SELECT 1 / (id - 2) FROM {table}")).all()')
