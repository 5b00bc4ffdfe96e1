"""Settings: .env, environment variables, FLASK_APP, folders, the configuration's keys."""

from clusters import free_port

from ..world import Unfit, World
from . import EITHER, broken


@broken("env-file-misnamed", "env-file-missing", "setting-missing", "url-missing")
def url_not_set(world: World) -> None:
    world.move_url(".env")
    if world.random.random() < 0.5:
        (world.folder / ".env").unlink()
        world.say("no .env")
    else:
        world.write(".env", "SECRET_KEY=dev\n")
        world.say(".env without DATABASE_URL")


@broken("env-file-missing", "setting-missing", "url-missing")
def url_empty(world: World) -> None:
    world.put_url(world.random.choice(["", '""']) if world.place == ".env" else "")


@broken(
    "env-file-misnamed", "env-file-missing", "setting-missing", "setting-misspelt", "url-missing"
)
def variable_misspelled(world: World) -> None:
    world.move_url(".env")
    names = ["DATABSE_URL", "DATABASE_URI", "DB_URL", "DATABASEURL", "database_url"]
    name = world.random.choice([*names, "SQLALCHEMY_DATABASE_URI", "POSTGRES_URL"])
    world.edit(".env", "DATABASE_URL", name)


@broken("env-file-misnamed", "env-file-missing", "setting-missing", "url-missing")
def env_file_named_otherwise(world: World) -> None:
    world.move_url(".env")
    name = world.random.choice(["env", ".env.txt", ".env.example", ".envrc", "instance/.env"])
    (world.folder / name).parent.mkdir(exist_ok=True)
    (world.folder / ".env").rename(world.folder / name)
    world.say(f".env is called {name}")


@broken(
    "env-file-misnamed", "env-file-missing", "env-file-unreadable", "setting-missing", "url-missing"
)
def env_file_syntax(world: World) -> None:
    world.move_url(".env")
    old, new = world.random.choice(
        [
            ("DATABASE_URL=", "DATABASE_URL: "),
            ("DATABASE_URL=", 'DATABASE_URL="'),
            ("DATABASE_URL=", "DATABASE_URL "),
            ("DATABASE_URL=", "set DATABASE_URL="),
            ("DATABASE_URL=", "# DATABASE_URL="),
            ("DATABASE_URL=", '$env:DATABASE_URL = "'),
        ]
    )
    world.edit(".env", old, new)


@broken("env-file-encoding", "env-file-missing", "env-file-unreadable", "url-missing")
def env_file_utf16(world: World) -> None:
    world.move_url(".env")
    encoding = world.random.choice(["utf-16", "utf-16-le", "utf-32"])
    world.write(".env", world.read(".env").encode(encoding))
    world.say(f".env in {encoding}")


@broken("env-file-encoding", "env-file-unreadable")
def env_file_latin1(world: World) -> None:
    world.move_url(".env")
    world.write(".env", "# Für die Züge\n".encode("latin-1") + world.read(".env").encode())
    world.say(".env in Latin-1")


@broken(
    "connection-refused",
    "database-left-to-administrator",
    "database-missing",
    "database-name-differs",
    "password-rejected",
    "role-missing",
    "url-hidden",
)
def stale_variable_hides_env_file(world: World) -> None:
    world.move_url(".env")
    stale = dict(world.url)
    part = world.random.choice(["port", "database", "user"])
    stale[part] = {"port": str(free_port()), "database": "old_app", "user": "old_me"}[part]
    kept, world.url = world.url, stale
    world.environment["DATABASE_URL"] = world.url_text()
    world.url = kept
    world.say(f"DATABASE_URL is exported with {part} {stale[part]}; .env is right")


NO_APP = (
    *("app-module-missing", "app-not-importable", "app-not-in-module"),
    *("app-not-located", "module-elsewhere"),
)


@broken(*NO_APP)
def flask_app_misspelled(world: World) -> str:
    name = world.random.choice(["aap.py", "main", "microblog.app", "app:aplication", "run.py"])
    world.environment["FLASK_APP"] = name
    world.say(f"FLASK_APP={name}")
    return "flask report"


@broken(*NO_APP)
def in_a_wrong_folder(world: World) -> str:
    if world.random.random() < 0.5:
        world.cwd = world.folder.parent
    else:
        world.cwd = world.folder / "static"
        world.cwd.mkdir()
    world.say(f"in the folder {world.cwd.name}")
    return "flask report"


@broken(*NO_APP)
def main_file_renamed(world: World) -> str:
    for name in ("app.py", "wsgi.py", "microblog.py"):
        if (world.folder / name).exists():
            new = world.random.choice(["main.py", "run.py", "server.py", "application.py"])
            (world.folder / name).rename(world.folder / new)
            world.say(f"{name} is called {new}")
    return "flask report"


@broken(*NO_APP)
def factory_misnamed(world: World) -> str:
    if world.setup.name in ("shop", "birds"):
        name = world.random.choice(["build_app", "createapp", "setup"])
        world.write(world.setup.config, world.read(world.setup.config).replace("create_app", name))
        world.write("wsgi.py", f"from {world.setup.name} import {name}\n\n{name}()\n")
    else:
        raise Unfit("no factory")
    world.say("the factory has another name")
    return "flask report"


@broken(
    "app-not-importable",
    "env-file-missing",
    "setting-missing",
    "setting-misspelt",
    "url-missing",
    "url-not-passed",
)
def configuration_key_misspelled(world: World) -> None:
    key = world.random.choice(
        ["SQLALCHEMY_DATABASE_URL", "SQLALCHEMY_URI", "DATABASE_URI", "SQLALCHEMY_DATABSE_URI"]
    )
    world.edit(world.setup.config, "SQLALCHEMY_DATABASE_URI", key)


@broken("app-not-importable", "env-file-missing", "url-missing", "url-not-passed")
def configured_too_late(world: World) -> None:
    line = 'app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]\n'
    late = "app.config.from_object(Config)\n"
    name = "app.py" if world.setup.name == "article" else "app/__init__.py"
    if not (world.folder / name).exists():
        raise Unfit("configured in a factory")
    content = world.read(name)
    for moved in (line, late):
        if moved in content:
            world.write(name, content.replace(moved, "").rstrip() + "\n\n" + moved)
    world.say("the configuration comes after db")


@broken(
    "app-not-importable",
    "argument-unknown",
    "engine-option-unknown",
    "option-invalid",
    "url-parameter-unknown",
)
def engine_option_wrong(world: World) -> None:
    option = world.random.choice(
        ['"poolsize": 5', '"pool_sise": 5', '"max_connections": 5', '"encoding": "utf8"']
    )
    world.engine_options(option)


@broken("option-invalid", "url-parameter-unknown")
def connect_argument_wrong(world: World) -> None:
    option = world.random.choice(['"timeout": 5', '"ssl": True', '"db": "x"', '"charset": "utf8"'])
    option = f'"connect_args": {{{option}}}'
    world.engine_options(option)


@broken("driver-differs", "driver-missing", "other-database", "url-missing", "url-scheme")
def another_kind_of_database(world: World) -> str:
    url = world.random.choice(["sqlite:///app.db", "sqlite://", "mysql+pymysql://me:x@localhost/a"])
    world.put_url(url)
    world.say(f"DATABASE_URL={url}")
    return "flask report"


@broken("driver-differs", "driver-missing", "wrong-environment")
def driver_not_installed(world: World) -> None:
    for name in ("psycopg2", "psycopg"):
        if name == world.driver or world.random.random() < 0.3:
            hidden = world.root / "hidden" / f"{name}.py"
            hidden.touch()
            world.say(f"{name} isn't installed")


@broken("port-taken", doctor=EITHER)
def port_taken(world: World) -> str:
    import socket

    taken = socket.create_server(("127.0.0.1", 0))
    world.closers.append(taken.close)
    return f"timeout 10 flask run --port {taken.getsockname()[1]}"
