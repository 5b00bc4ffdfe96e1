"""Errors of a server that is reached, and can't serve."""

from .entry import Entry

ENTRIES = (
    Entry(
        "server-starting",
        "The server at {host} takes no connections yet",
        why="It is starting up, shutting down, or recovering after a crash.",
        fix=("Wait some seconds and try again; the server's log says what it is doing.",),
        messages=(
            "the database system is starting up",
            "the database system is shutting down",
            "the database system is not yet accepting connections",
            "the database system is in recovery mode",
        ),
        exceptions=("OperationalError",),
        sqlstates=("57P03",),
    ),
    Entry(
        "server-shutting-down",
        "The server ended this connection",
        why="Its administrator stopped or restarted it, or ended this session.",
        fix=(
            "Try again when the server is back; `pool_pre_ping=True` among the engine options "
            "replaces connections that died while they lay in the pool.",
        ),
        messages=("terminating connection due to administrator command",),
        sqlstates=("57P01", "57P02"),
    ),
    Entry(
        "connection-lost",
        "The connection to the server broke off",
        why="The server process died, or something between here and there (a firewall, a proxy, "
        "a pooler) cut a connection that lay idle.",
        fix=(
            "Try again. If it happens after idle times, set `pool_pre_ping` to True among the "
            "engine options (SQLALCHEMY_ENGINE_OPTIONS); if the server crashed, its log says why.",
        ),
        messages=(
            "server closed the connection unexpectedly",
            "SSL SYSCALL error: EOF detected",
            "could not receive data from server: …",
            "connection already closed",
        ),
    ),
    Entry(
        "too-many-connections",
        "The server has no connection left for role {role}",
        why="All of its `max_connections` (or the limit of the role or the database) are taken: "
        "each process keeps a pool, so processes times (`pool_size` + `max_overflow`) must fit.",
        fix=(
            "See who holds them, and close what need not be open:",
            "postgres=# SELECT usename, application_name, state, count(*) "
            "FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC",
            "Then lower `pool_size` and `max_overflow`, or the number of processes, or raise the "
            "limit.",
        ),
        messages=(
            "sorry, too many clients already",
            "remaining connection slots are reserved for …",
            "too many connections for role …",
            "too many connections for database …",
        ),
        exceptions=("OperationalError",),
        sqlstates=("53300",),
    ),
    Entry(
        "pool-exhausted",
        "All connections of the application's pool are in use",
        why="More threads want a connection than `pool_size` and `max_overflow` allow, or "
        "connections and sessions are not given back: opened without `with`, or held while "
        "waiting for something else.",
        fix=(
            "Open each connection in a `with` block, and don't keep a session over slow work; "
            "then, if need be, raise `pool_size` among the engine options.",
        ),
        messages=("QueuePool limit of size …",),
        exceptions=("TimeoutError",),
    ),
    Entry(
        "read-only-server",
        "The server takes no writes",
        why="It is a standby (a replica), or `default_transaction_read_only` is on for the role "
        "or the database.",
        fix=(
            "Point the database URL at the primary; with several hosts in it, add "
            "`target_session_attrs=read-write`.",
        ),
        messages=("cannot execute … in a read-only transaction",),
        sqlstates=("25006",),
    ),
    Entry(
        "disk-full",
        "The server's disk is full",
        why="PostgreSQL could not write: no space is left on the device that holds its data, its "
        "log or its temporary files.",
        fix=(
            "Free space on the server's machine, or enlarge the disk; see what is large:",
            "postgres=# SELECT datname, pg_size_pretty(pg_database_size(oid)) FROM pg_database",
        ),
        messages=("No space left on device",),
        sqlstates=("53100",),
    ),
    Entry(
        "lock-timeout",
        "Another session holds a lock that this one needs",
        why="A migration (or a statement) waited as long as `lock_timeout` allows: a transaction "
        "that was left open keeps the table.",
        fix=(
            "See who holds it; when that session has ended, try again:",
            "{database}=# SELECT pid, usename, state, xact_start, left(query, 60) FROM "
            "pg_stat_activity WHERE xact_start IS NOT NULL AND datname = current_database() "
            "ORDER BY xact_start",
        ),
        messages=("canceling statement due to lock timeout",),
        sqlstates=("55P03",),
    ),
    Entry(
        "transaction-aborted",
        "An earlier statement of this transaction failed",
        why="PostgreSQL refuses everything after the first error of a transaction until it is "
        "rolled back; that first error was caught and passed over.",
        fix=(
            "Find the first error and handle it; call `db.session.rollback()` in the `except`, or "
            "put the statement that may fail into `with db.session.begin_nested():`.",
        ),
        messages=("current transaction is aborted, commands ignored until end of …",),
        sqlstates=("25P02",),
    ),
    Entry(
        "schema-privilege",
        "Role {role} may not create tables in database {database}",
        why="Since PostgreSQL 15 only a database's owner may create anything in its schema "
        "`public`.",
        fix=("{database}=# GRANT CREATE ON SCHEMA public TO {role}",),
        messages=("permission denied for schema …",),
        sqlstates=("42501",),
        statement=r"CREATE\s+(TABLE|INDEX|UNIQUE|SEQUENCE|TYPE|VIEW|OR|FUNCTION)\b",
    ),
)
