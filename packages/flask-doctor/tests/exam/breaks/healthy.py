"""Variations that only look broken: the application serves, and the doctor must see only ticks."""

from urllib.parse import quote

from ..fakes import relay
from ..world import Unfit, World
from . import healthy
from .url import unescaped


@healthy
def untouched(world: World) -> None:
    world.say("nothing")


def without_password(world: World) -> None:
    world.url["password"] = ""
    world.put_url()


@healthy
def password_file(world: World) -> None:
    escaped = world.password.replace("\\", "\\\\").replace(":", "\\:")
    file = world.root / "home" / ".pgpass"
    if world.random.random() < 0.5:
        file = world.root / "secret file"
        world.environment["PGPASSFILE"] = str(file)
    else:
        world.environment["PGPASSFILE"] = str(file)
    file.write_text(f"# mine\n*:*:*:{world.role}:{escaped}\n")
    file.chmod(0o600)
    without_password(world)
    world.say("the password is in a password file")


@healthy
def password_in_the_environment(world: World) -> None:
    world.environment["PGPASSWORD"] = world.password
    without_password(world)
    world.say("PGPASSWORD")


@healthy
def service(world: World) -> None:
    if world.password != world.password.strip():
        raise Unfit("a service file strips")
    file = world.root / "services.conf"
    url = world.url
    file.write_text(
        f"[mine]\nhost={url['host']}\nport={url['port']}\ndbname={world.database}\n"
        f"user={world.role}\npassword={world.password}\n"
    )
    world.environment["PGSERVICEFILE"] = str(file)
    if world.random.random() < 0.5:
        world.put_url(f"{url['driver']}:///?service=mine")
    else:
        world.environment["PGSERVICE"] = "mine"
        world.put_url(f"{url['driver']}://")
    world.say("a service file")


@healthy
def all_in_variables_of_libpq(world: World) -> None:
    url = world.url
    world.environment |= {
        "PGHOST": url["host"],
        "PGPORT": url["port"],
        "PGUSER": world.role,
        "PGPASSWORD": world.password,
        "PGDATABASE": world.database,
    }
    world.put_url(f"{url['driver']}://")
    world.say("PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE")


@healthy
def host_address(world: World) -> None:
    world.change_url(host="db.example.invalid", query="?hostaddr=127.0.0.1")


@healthy
def several_hosts(world: World) -> None:
    url, secret = world.url, quote(world.password, safe="")
    places = [f"nowhere.example.invalid:{url['port']}", f"127.0.0.1:{url['port']}"]
    hosts = "&".join(f"host={place}" for place in places)
    user = quote(world.role, safe="")
    world.put_url(f"{url['driver']}://{user}:{secret}@/{quote(world.database)}?{hosts}")
    world.say("several hosts, the first of which is unknown")


@healthy
def slow_server(world: World) -> None:
    fake = relay(world.cluster.port, world.random.choice([1.5, 3.5]))
    world.closers.append(fake.close)
    world.change_url(port=str(fake.port))


@healthy
def byte_order_mark(world: World) -> None:
    """Write `.env` with Windows' Notepad, the variable not on its first line."""
    world.move_url(".env")
    world.write(".env", f"\ufeff# settings\r\nDATABASE_URL={world.url_text()}\r\n")
    world.say(".env with a BOM and \\r\\n")


@healthy
def env_file_in_other_styles(world: World) -> None:
    world.environment.pop("DATABASE_URL", None)
    text = world.url_text()
    if "'" in text:
        raise Unfit("quotes")
    world.write(
        ".env",
        world.random.choice(
            [
                f"DATABASE_URL = {text}\n",
                f"DATABASE_URL='{text}'\n",
                f"export DATABASE_URL='{text}'  # the local one\n",
                f"# comment\n\n  DATABASE_URL={text}   \nEMPTY=\nNOTHING\n",
                f"OTHER='several\nlines'\nDATABASE_URL={text}\n",
            ]
        ),
    )
    world.say(world.read(".env").replace(text, "URL"))


@healthy
def by_the_socket(world: World) -> None:
    url, secret = world.url, quote(world.password, safe="")
    user, folder = quote(world.role, safe=""), world.cluster.folder
    world.put_url(
        f"{url['driver']}://{user}:{secret}@/{quote(world.database)}"
        f"?host={folder}&port={url['port']}"
    )
    world.say("by the socket")


@healthy
def parameters_that_libpq_knows(world: World) -> None:
    parameters = ["sslmode=prefer", "connect_timeout=5", "application_name=my%20app"]
    more = ["options=-csearch_path%3Dpublic", "target_session_attrs=read-write", "keepalives=1"]
    query = "&".join(world.random.sample(parameters + more, 2))
    world.change_url(query=f"?{query}")


@healthy
def search_path_with_a_schema_that_is_not_there(world: World) -> None:
    world.admin(f'ALTER ROLE "{world.role}" SET search_path = "$user", app, public')
    world.say("search_path names schemas that aren't there, and public")


@healthy
def may_not_create(world: World) -> None:
    """Serve with a role that may only read and write, as in production."""
    world.sql(
        f'REASSIGN OWNED BY "{world.role}" TO postgres',
        f'ALTER DATABASE "{world.database}" OWNER TO postgres',
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        f'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "{world.role}"',
        f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO "{world.role}"',
    )
    world.say("the role may only read and write rows")


@healthy
def tables_of_others(world: World) -> None:
    table = world.random.choice(["spatial_ref_sys", "celery_taskmeta", "old_stations"])
    world.sql(f"CREATE TABLE {table} (id integer PRIMARY KEY, note text)")
    world.say(f"a table {table} that no model has")


@healthy
def columns_of_others(world: World) -> None:
    table = world.setup.tables[world.model()]
    world.sql(f"ALTER TABLE {table} ADD COLUMN search tsvector")
    world.say(f"{table} has a column that no model has")


@healthy
def views_and_functions(world: World) -> None:
    table = world.setup.tables[world.model()]
    world.sql(
        f"CREATE VIEW some_{table} AS SELECT id FROM {table}",
        f"CREATE MATERIALIZED VIEW all_{table} AS SELECT id FROM {table}",
        "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE TABLE parts (id integer) PARTITION BY RANGE (id)",
    )
    world.say("views, a function, a partitioned table")


@healthy
def another_index(world: World) -> None:
    model, column = world.column()
    table = world.setup.tables[model]
    world.sql(f"CREATE INDEX by_hand ON {table} ({column})")
    world.say(f"an index on {table}.{column} that no model has")


@healthy
def collation_version(world: World) -> None:
    """Upgrade the operating system: the server warns at each connection, and serves."""
    world.admin(
        f"UPDATE pg_database SET datcollversion = '2.19' WHERE datname = '{world.database}'"
    )
    world.say("a collation version mismatch")


@healthy
def many_connections_of_others(world: World) -> None:
    import psycopg2

    for _ in range(world.random.randint(5, 10)):
        connection = psycopg2.connect(
            host="127.0.0.1", port=world.cluster.port, user="postgres", dbname="postgres"
        )
        world.closers.append(connection.close)
    world.say("other connections are open")


@healthy
def variables_that_others_use(world: World) -> None:
    world.environment |= {
        "PGAPPNAME": "app",
        "PGOPTIONS": "-c statement_timeout=60000",
        "PGCONNECT_TIMEOUT": "10",
        "PGTZ": "Europe/Paris",
        "SQLALCHEMY_WARN_20": "1",
        "POSTGRES_PASSWORD": "other",
    }
    world.say("PGAPPNAME, PGOPTIONS, PGCONNECT_TIMEOUT")


@healthy
def app_named_by_option(world: World) -> str:
    modules = {"article": "app", "microblog": "microblog", "plain": "app:app"}
    name = modules.get(world.setup.name, world.random.choice(["wsgi", "wsgi:app", "wsgi.py"]))
    world.environment["FLASK_APP"] = name
    world.say(f"FLASK_APP={name}")
    return "flask report"


@healthy
def other_time_zone_and_dates(world: World) -> None:
    world.admin(
        f"ALTER ROLE \"{world.role}\" SET timezone = 'Asia/Kolkata'",
        f"ALTER ROLE \"{world.role}\" SET datestyle = 'German'",
        f"ALTER ROLE \"{world.role}\" SET client_min_messages = 'error'",
    )
    world.say("time zone, date style")


@healthy
def connection_limit_not_reached(world: World) -> None:
    limit = world.random.choice([1, 12])
    whose = world.random.choice([f'ROLE "{world.role}"', f'DATABASE "{world.database}"'])
    world.admin(f"ALTER {whose} CONNECTION LIMIT {limit}")
    world.say(f"{whose} CONNECTION LIMIT {limit}")


@healthy
def pool_of_one(world: World) -> None:
    world.engine_options('"pool_size": 1, "max_overflow": 0, "pool_timeout": 2')


@healthy
def a_lock_elsewhere(world: World) -> None:
    import psycopg2

    connection = psycopg2.connect(
        host="127.0.0.1", port=world.cluster.port, user="postgres", dbname=world.database
    )
    table = world.setup.tables[world.model()]
    connection.cursor().execute(f'SELECT * FROM "{table}" FOR UPDATE')
    world.closers.append(connection.close)
    world.say("rows are locked by another session")


@healthy
def no_connections_to_postgres(world: World) -> None:
    """Forbid the maintenance database, as hosting platforms do."""
    world.cluster.configure(
        "", "host postgres all 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    world.admin("SELECT pg_reload_conf()")
    world.say("database postgres is forbidden")


@healthy
def password_as_it_stands(world: World) -> None:
    unescaped(world, "/$&!=")


@healthy
def trusted(world: World) -> None:
    world.cluster.configure("", "host all all 127.0.0.1/32 trust\n")
    world.admin("SELECT pg_reload_conf()")
    if world.random.random() < 0.5:
        world.change_url(password="wrong, and nobody asks")
    else:
        world.change_url(password="")
