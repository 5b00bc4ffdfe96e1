"""The database's URL."""

from urllib.parse import unquote

from clusters import free_port

from ..fakes import http_server
from ..world import World
from . import broken


@broken("url-scheme")
def old_scheme(world: World) -> None:
    world.change_url(driver="postgres")


@broken(
    "driver-differs",
    "driver-missing",
    "url-malformed",
    "url-scheme",
    "url-stray-characters",
    "url-unescaped",
)
def scheme_misspelled(world: World) -> None:
    schemes = ["postgress", "postgre", "psql", "pgsql", "jdbc:postgresql", "postgresql+psycopg4"]
    world.change_url(driver=world.random.choice([*schemes, "postgresql+pyscopg2", "Postgresql "]))


@broken("url-malformed", "url-scheme", "url-unescaped")
def slashes_missing(world: World) -> None:
    text = world.url_text()
    old, new = world.random.choice([("://", ":/"), ("://", ":"), ("://", "//"), ("://", "")])
    world.put_url(text.replace(old, new, 1))
    world.say(f"{old} -> {new}")


def unescaped(world: World, characters: str) -> None:
    """Give the role a password with such a character, and write it as it stands."""
    world.password = f"pa{world.random.choice(characters)}{world._word(6)}"
    world.admin(f"ALTER ROLE \"{world.role}\" PASSWORD '{world.password}'")
    text = world.url_text()
    secret = text.split("://")[1].split("@")[0]
    world.url["password"] = world.password
    world.put_url(text.replace(secret, f"{secret.split(':')[0]}:{world.password}"))
    world.say(f"the password {world.password} as it stands")


@broken("url-unescaped")
def password_with_at(world: World) -> None:
    secret = f"{world._word(3)}@{world._word(4)}"
    world.admin(f"ALTER ROLE \"{world.role}\" PASSWORD '{secret}'")
    before, after = world.url_text().split("://")
    place = after.rpartition("@")[2]
    user = after.split(":")[0]
    world.password = secret
    world.put_url(f"{before}://{user}:{secret}{world.random.choice(['@', '/@'])}{place}")
    world.say(f"password {secret} not encoded")


@broken("env-file-unreadable", "url-unescaped")
def password_with_hash_in_env_file(world: World) -> None:
    world.move_url(".env")
    unescaped(world, "#")
    world.write(".env", world.read(".env").replace("#", " #", 1))


@broken("password-rejected", "url-unescaped")
def password_with_percent(world: World) -> None:
    secret = f"x%{world.random.choice(['41', '2F', '7e'])}{world._word(5)}"
    world.admin(f"ALTER ROLE \"{world.role}\" PASSWORD '{secret}'")
    text = world.url_text()
    user = text.split("://")[1].split(":")[0]
    place = text.rpartition("@")[2]
    world.password, world.url["password"] = secret, unquote(secret)
    world.put_url(f"{world.url['driver']}://{user}:{secret}@{place}")
    world.say(f"password {secret} not encoded")


@broken("url-malformed", "url-scheme", "url-stray-characters", "url-unescaped")
def quotes_in_the_value(world: World) -> None:
    world.move_url("environment")
    quote = world.random.choice("\"'`")
    world.put_url(f"{quote}{world.url_text()}{quote}")
    world.say(f"the URL is in {quote}")


@broken("database-name-with-space", "url-stray-characters")
def space_at_the_end(world: World) -> None:
    world.move_url("environment")
    world.put_url(world.url_text() + world.random.choice([" ", "\n", "\r", "\t", "  ", "\r\n"]))
    world.say("white space at the end")


@broken("url-malformed", "url-scheme", "url-stray-characters", "url-unescaped")
def space_at_the_start(world: World) -> None:
    world.move_url("environment")
    world.put_url(world.random.choice([" ", "\n", "\ufeff"]) + world.url_text())
    world.say("white space at the start")


@broken("option-invalid", "parameter-unknown", "url-parameter-unknown")
def unknown_parameter(world: World) -> None:
    parameters = ["schema=public", "pgbouncer=true", "ssl=true", "charset=utf8", "useSSL=false"]
    more = ["connection_limit=5", "pool_timeout=10", "search_path=public", "encoding=utf-8"]
    world.change_url(query=f"?{world.random.choice(parameters + more)}")


@broken("no-suitable-server", "option-invalid")
def parameter_value_wrong(world: World) -> None:
    values = ["sslmode=on", "sslmode=true", "sslmode=required", "connect_timeout=soon"]
    more = ["target_session_attrs=master", "channel_binding=yes", "gssencmode=no", "sslmode=no"]
    world.change_url(query=f"?{world.random.choice(values + more)}")


@broken("url-without-database")
def no_database_name(world: World) -> None:
    text = world.url_text().rpartition("/")[0]
    world.put_url(text + world.random.choice(["", "/"]))
    world.say("no name of a database")


@broken("database-left-to-administrator", "database-missing", "database-name-differs")
def database_misspelled(world: World) -> None:
    name = world.database
    at = world.random.randrange(1, len(name) - 1)
    letter = world.random.choice("xyzq")
    names = [name[:at] + name[at + 1 :], name[:at] + letter + name[at:], f"{name}s", f"{name}_"]
    names = [new for new in [*names, name.swapcase(), name.replace("_", "-")] if new != name]
    world.change_url(database=world.random.choice(names))


@broken("database-left-to-administrator", "database-missing")
def database_never_created(world: World) -> None:
    world.admin(f'DROP DATABASE "{world.database}"')
    world.say("the database was never created")


@broken("password-rejected", "role-missing")
def role_misspelled(world: World) -> None:
    name = world.role
    world.change_url(user=world.random.choice([name[1:], name + "x", name.swapcase(), "root"]))


@broken("password-rejected")
def password_wrong(world: World) -> None:
    real = world.password
    wrong = world.random.choice([real + "x", real[:-1], real.swapcase(), "password", "postgres"])
    world.change_url(password=wrong)


@broken("no-password")
def password_left_out(world: World) -> None:
    world.change_url(password="")


@broken("host-unknown")
def host_unknown(world: World) -> None:
    names = ["db", "postgres", "localhots", "my-db.example.invalid", "database", "local host"]
    world.change_url(host=world.random.choice(names).replace(" ", "-"))


@broken("connection-refused")
def port_wrong(world: World) -> None:
    world.change_url(port=str(free_port()))


@broken("connection-refused", "server-elsewhere")
def address_without_server(world: World) -> None:
    """Point at an address of this machine where no server listens."""
    world.change_url(host=f"127.0.0.{world.random.randint(2, 250)}")


@broken(
    "option-invalid", "url-malformed", "url-placeholder", "url-port", "url-scheme", "url-unescaped"
)
def port_not_a_number(world: World) -> None:
    ports = ["54e2", "port", "5432x", "<port>", "5432,", "{PORT}", "99999", "70000", "0"]
    world.change_url(port=world.random.choice(ports))


@broken("closed-at-log-in", "not-postgresql")
def port_of_a_web_server(world: World) -> None:
    server = http_server()
    world.closers.append(server.close)
    world.change_url(port=str(server.port))


@broken("connection-refused", "server-elsewhere")
def socket_folder_wrong(world: World) -> None:
    folder = world.random.choice(["/var/run/postgresql-9", "/tmp/none", "/nowhere"])
    world.put_url(f"{world.url['driver']}:///{world.database}?host={folder}&port=5433")
    world.say(f"the socket's folder is {folder}")


@broken(
    "connection-refused",
    "host-unknown",
    "no-password",
    "password-rejected",
    "role-missing",
    "url-malformed",
    "url-placeholder",
    "url-port",
    "url-scheme",
    "url-unescaped",
)
def placeholders_left(world: World) -> None:
    place = f"{world.url['host']}:{world.url['port']}"
    text = world.random.choice(
        [
            f"postgresql+{world.driver}://username:password@{place}/database",
            f"postgresql+{world.driver}://<user>:<password>@{place}/<db>",
            f"postgresql+{world.driver}://user:password@host:port/dbname",
            f"postgresql+{world.driver}://$DB_USER:$DB_PASS@{place}/$DB_NAME",
            f"postgresql+{world.driver}://{{user}}:{{password}}@{place}/{{db}}",
        ]
    )
    world.put_url(text)
    world.say(text)


@broken("certificate-file-missing", "ssl-unsupported")
def encryption_demanded(world: World) -> None:
    modes = ["require", "verify-full", "verify-ca"]
    world.change_url(query=f"?sslmode={world.random.choice(modes)}")
