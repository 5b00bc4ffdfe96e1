"""Queries that are wrong: SQL as text, and the ORM's."""

from ..world import World
from . import WELL, broken


def asking(world: World, statement: str) -> str:
    return world.script(f"print(session.execute(text({statement!r})).all())")


@broken("text-needed", doctor=WELL)
def plain_string(world: World) -> str:
    table = world.setup.tables[world.model()]
    return world.script(
        world.random.choice(
            [
                f'session.execute("SELECT * FROM {table}")',
                f"session.scalars('SELECT count(*) FROM {table}').one()",
                f"session.query({world.model()}).filter('id = 1').all()",
            ]
        )
    )


@broken(
    "comma-too-many",
    "keyword-misspelled",
    "limit-with-comma",
    "operator-of-python",
    "quote-unclosed",
    "quotes-of-other-database",
    "statement-incomplete",
    "syntax-error",
    doctor=WELL,
)
def syntax_error(world: World) -> str:
    table = world.setup.tables[world.model()]
    return asking(
        world,
        world.random.choice(
            [
                f"SELCT * FROM {table}",
                f"SELECT * FORM {table}",
                f"SELECT id, FROM {table}",
                f"SELECT * FROM {table} WHERE id == 1 AND",
                f"SELECT * FROM {table} WHERE id = ",
                f"SELECT * FROM {table} LIMIT 5, 10",
                f"SELECT `id` FROM {table}",
                f"SELECT [id] FROM {table}",
            ]
        ),
    )


@broken("column-misspelled", "column-unknown", doctor=WELL)
def column_misspelled(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    at = world.random.randrange(1, len(column))
    words = [column[:at] + column[at + 1 :], column + "s", f"{column[:at]}{column[at - 1 :]}"]
    word = world.random.choice([w for w in words if w != column])
    return asking(
        world,
        world.random.choice(
            [f"SELECT {word} FROM {table}", f"SELECT id FROM {table} WHERE {word} IS NULL"]
        ),
    )


@broken("column-misspelled", "column-unknown", "name-quoted", doctor=WELL)
def column_in_another_case(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    words = column.title().replace("_", "")
    word = words[0].lower() + words[1:] if "_" in column else words
    return asking(world, f'SELECT "{word}" FROM {table}')


@broken("column-misspelled", "column-unknown", "value-as-name", doctor=WELL)
def text_in_double_quotes(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    word = world.random.choice(["Susan", "Gare", "red", "some text"])
    return asking(world, f'SELECT * FROM {table} WHERE {column} = "{word}"')


@broken("name-quoted", "reserved-word", "table-misspelled", "table-unknown", doctor=WELL)
def table_misspelled(world: World) -> str:
    model = world.model()
    table = world.setup.tables[model]
    at = world.random.randrange(1, len(table))
    word = world.random.choice([table.rstrip("s") + "z", table[:at] + table[at + 1 :], f'"{model}"',
                                f'"{table.title()}"', f'"{table.upper()}"', f"the_{table}",
                                model])  # fmt: skip
    return asking(world, f"SELECT * FROM {'stationz' if word == 'user' else word}")


@broken(
    "name-of-other-database",
    "schema-missing",
    "schema-misspelled",
    "table-missing",
    "table-misspelled",
    "table-unknown",
    doctor=WELL,
)
def table_in_a_schema_that_is_not_there(world: World) -> str:
    table = world.setup.tables[world.model()]
    return asking(world, f"SELECT * FROM {world.random.choice(['dbo', 'app', 'main'])}.{table}")


@broken(
    "extension-not-created",
    "extension-not-installed",
    "function-misspelled",
    "function-other-arguments",
    "function-unknown",
    "name-of-other-database",
    doctor=WELL,
)
def function_of_another_database(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    return asking(
        world,
        world.random.choice(
            [
                f"SELECT IFNULL({column}, '') FROM {table}",
                f"SELECT DATE_FORMAT(now(), '%Y') FROM {table}",
                "SELECT GETDATE()",
                f"SELECT GROUP_CONCAT({column}) FROM {table}",
                "SELECT uuid_generate_v4()",
                f"SELECT round(id::float8, 2) FROM {table}",
            ]
        ),
    )


@broken("types-differ", doctor=WELL)
def text_compared_with_a_number(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    if world.random.random() < 0.5:
        return asking(world, f"SELECT * FROM {table} WHERE {column} = {world.random.randint(1, 9)}")
    return asking(world, f"SELECT * FROM {table} WHERE {column} > 1")


@broken("column-ambiguous", doctor=WELL)
def column_of_two_tables(world: World) -> str:
    first, second = world.random.sample(list(world.setup.tables.values()), 2)
    return asking(world, f"SELECT id FROM {first}, {second}")


@broken("not-grouped", doctor=WELL)
def column_not_grouped(world: World) -> str:
    model, column = world.column()
    table = world.setup.tables[model]
    return asking(
        world,
        world.random.choice(
            [
                f"SELECT {column}, count(*) FROM {table}",
                f"SELECT id, {column} FROM {table} GROUP BY {column}",
            ]
        ),
    )


@broken("parameter-missing", doctor=WELL)
def parameter_left_out(world: World) -> str:
    table = world.setup.tables[world.model()]
    given = world.random.choice(["", ", {'ID': 1}", ", {'number': 1}"])
    return world.script(f"session.execute(text('SELECT * FROM {table} WHERE id = :id'){given})")


@broken(
    "column-misspelled",
    "column-unknown",
    "operator-of-python",
    "parameter-missing",
    "parameters-not-a-dict",
    "percent-in-sql",
    "placeholder-wrong",
    "syntax-error",
    "types-differ",
    doctor=WELL,
)
def parameters_of_another_library(world: World) -> str:
    table = world.setup.tables[world.model()]
    return world.script(
        world.random.choice(
            [
                f"session.execute(text('SELECT * FROM {table} WHERE id = ?'), (1,))",
                f"session.execute(text('SELECT * FROM {table} WHERE id = %s'), (1,))",
                f"session.execute(text('SELECT * FROM {table} WHERE id = ?'))",
                f"session.execute(text('SELECT * FROM {table} WHERE id = %s'))",
            ]
        )
    )


@broken("list-in-sql", "placeholder-wrong", "syntax-error", doctor=WELL)
def list_for_in(world: World) -> str:
    table = world.setup.tables[world.model()]
    numbers = [world.random.randint(1, 9) for _ in range(3)]
    return world.script(
        f"session.execute(text('SELECT * FROM {table} WHERE id IN :ids'), {{'ids': {numbers}}})"
    )


NO_ATTRIBUTE = (*("argument-unknown", "attribute-unknown", "column-misspelled"),)


@broken(*NO_ATTRIBUTE, doctor=WELL)
def attribute_misspelled(world: World) -> str:
    model, column = world.column()
    word = world.random.choice(
        [column[:-1], column + "s", column.title(), f"{model.lower()}_{column}"]
    )
    return world.script(
        world.random.choice(
            [
                f"print(session.scalars(select({model}).where({model}.{word} == None)).all())",
                f"print(session.scalars(select({model}).filter_by({word}=None)).all())",
                f"print(session.scalars(select({model}).order_by({model}.{word})).all())",
            ]
        )
    )


@broken(*NO_ATTRIBUTE, doctor=WELL)
def keyword_misspelled(world: World) -> str:
    model, column = world.column()
    values = world.values(model, 9, **{column: None})
    word = world.random.choice([column[:-1], column + "_", column.title(), f"my_{column}"])
    return world.script(f"session.add({model}({values}, {word}=None))\nsession.commit()")


@broken("rows-none", "rows-several", doctor=WELL)
def not_one_row(world: World) -> str:
    model = world.model()
    condition = world.random.choice([f"{model}.id > 0", f"{model}.id > 99"])
    return world.script(f"print(session.scalars(select({model}).where({condition})).one())")


@broken("parameter-missing", "percent-in-sql", "syntax-error", "value-missing", doctor=WELL)
def percent_in_raw_sql(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    return world.script(
        "session.connection().exec_driver_sql("
        f"\"SELECT * FROM {table} WHERE {column} LIKE '%a%' AND id = %s\", (1,))"
    )


@broken("not-true-or-false", doctor=WELL)
def condition_that_is_no_condition(world: World) -> str:
    model, column = world.column(text=True)
    table = world.setup.tables[model]
    return asking(world, f"SELECT * FROM {table} WHERE {column}")


@broken("negative-limit", doctor=WELL)
def negative_page(world: World) -> str:
    model = world.model()
    number = world.random.randint(1, 20)
    call = world.random.choice([f"limit(-{number})", f"limit(10).offset(-{number})"])
    return world.script(f"print(session.scalars(select({model}).{call}).all())")


@broken("subquery-columns", doctor=WELL)
def subquery_with_several_rows(world: World) -> str:
    table = world.setup.tables[world.model()]
    return asking(world, f"SELECT * FROM {table} WHERE id = (SELECT id FROM {table})")


@broken("conflict-without-constraint", doctor=WELL)
def conflict_without_a_constraint(world: World) -> str:
    nullable = world.query(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE is_nullable = 'YES' AND table_schema = 'public'"
    )
    table, column = world.random.choice(nullable)
    return world.script(
        f"session.execute(text('INSERT INTO {table} (id) VALUES (1) "
        f"ON CONFLICT ({column}) DO NOTHING'))"
    )
