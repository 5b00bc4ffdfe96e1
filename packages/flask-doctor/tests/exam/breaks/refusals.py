"""What the server refuses at log-in: pg_hba.conf, roles that may not, databases that won't."""

from ..world import World
from . import broken


def replace_hba(world: World, lines: str) -> None:
    world.cluster.configure("", f"{lines}\n")
    world.admin("SELECT pg_reload_conf()")
    import time

    time.sleep(0.2)
    world.say(f"pg_hba.conf: {lines}")


@broken("no-hba-entry")
def no_line(world: World) -> None:
    other = world.random.choice(["other", "admin"])
    replace_hba(world, f"host all {other} 127.0.0.1/32 scram-sha-256")


@broken("no-hba-entry")
def line_rejects(world: World) -> None:
    replace_hba(world, "host all all 127.0.0.1/32 reject")


@broken("no-hba-entry", "ssl-required", "ssl-unsupported")
def only_encrypted(world: World) -> None:
    replace_hba(world, "hostssl all all 127.0.0.1/32 scram-sha-256")


@broken("no-hba-entry")
def another_database_only(world: World) -> None:
    replace_hba(world, "host postgres all 127.0.0.1/32 scram-sha-256")


@broken("peer-rejected")
def peer(world: World) -> None:
    replace_hba(world, "local all all peer")
    folder = str(world.cluster.folder)
    url = world.url
    if world.random.random() < 0.5:
        world.put_url(
            f"{url['driver']}://{world.role}@/{world.database}?host={folder}&port={url['port']}"
        )
    else:
        text = world.url_text().replace(f"@{url['host']}:{url['port']}", "@")
        world.put_url(f"{text}?host={folder}&port={url['port']}")
    world.say("peer authentication by the socket")


@broken("ident-rejected", "peer-rejected")
def ident(world: World) -> None:
    replace_hba(world, "host all all 127.0.0.1/32 ident")


@broken("role-no-login")
def role_may_not_log_in(world: World) -> None:
    world.admin(f'ALTER ROLE "{world.role}" NOLOGIN')
    world.say("NOLOGIN")


@broken("password-rejected")
def password_expired(world: World) -> None:
    world.admin(f"ALTER ROLE \"{world.role}\" VALID UNTIL '2020-01-01'")
    world.say("VALID UNTIL 2020")


@broken("password-rejected")
def role_without_password(world: World) -> None:
    world.admin(f'ALTER ROLE "{world.role}" PASSWORD NULL')
    world.say("the role has no password")


@broken("password-rejected", "role-missing")
def role_dropped(world: World) -> None:
    world.sql(f'REASSIGN OWNED BY "{world.role}" TO postgres')
    world.sql(f'DROP OWNED BY "{world.role}"')
    world.admin(f'DROP ROLE "{world.role}"')
    if world.random.random() < 0.5:
        replace_hba(world, "host all all 127.0.0.1/32 trust")
    world.say("the role was dropped")


@broken("no-connect-privilege")
def connect_revoked(world: World) -> None:
    world.admin(
        f'ALTER DATABASE "{world.database}" OWNER TO postgres',
        f'REVOKE CONNECT ON DATABASE "{world.database}" FROM PUBLIC',
    )
    world.say("CONNECT is revoked")


@broken("database-closed")
def database_takes_no_connections(world: World) -> None:
    world.admin(f'ALTER DATABASE "{world.database}" ALLOW_CONNECTIONS false')
    world.say("ALLOW_CONNECTIONS false")


@broken("no-password", "password-rejected")
def scram_without_password(world: World) -> None:
    world.admin(f'ALTER ROLE "{world.role}" PASSWORD NULL')
    world.change_url(password="")


@broken("database-left-to-administrator", "database-missing")
def database_dropped_and_may_not_create(world: World) -> None:
    world.admin(f'DROP DATABASE "{world.database}"', f'ALTER ROLE "{world.role}" NOCREATEDB')
    world.say("the database was dropped")


@broken("schema-usage")
def usage_of_schema_revoked(world: World) -> None:
    world.sql(
        f'ALTER DATABASE "{world.database}" OWNER TO postgres',
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    )
    world.say("USAGE on schema public is revoked")
