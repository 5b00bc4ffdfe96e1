"""Errors on the way to the server and through its door."""

from .entry import Entry

ENTRIES = (
    Entry(
        "connection-refused",
        "No PostgreSQL server listens at {host}, port {port}",
        why="The machine answers, but nothing listens there: the server is not started, or listens "
        "on another port, another address or another socket folder.",
        fix=(
            "Start the server, on the machine where it lives:",
            "$ {start}",
            "If it runs already, compare its port and its address with those of the database URL.",
        ),
        messages=(
            "connection to server at … failed: Connection refused",
            "connection to server on socket … failed: No such file or directory",
            "connection to server on socket … failed: Connection refused",
        ),
        exceptions=("OperationalError",),
    ),
    Entry(
        "host-unknown",
        "There is no machine by the name of {host}",
        why="The name in the database URL can't be resolved: it is misspelt, the network is down, "
        "or it is a name that exists only among the containers of a compose file.",
        fix=(
            "Correct the host in the database URL; for a server on this machine it is localhost.",
            "$ getent hosts {host}",
        ),
        messages=("could not translate host name … to address", "failed to resolve host …"),
        exceptions=("OperationalError",),
    ),
    Entry(
        "host-silent",
        "{host} does not answer on port {port}",
        why="Packets to that machine are dropped, not refused: a firewall or a security group "
        "stands in between, the machine is off, or the address is wrong. {detail}",
        fix=(
            "Open port {port} for this machine in the firewall or security group of {host}, or "
            "correct the host in the database URL.",
        ),
        messages=(
            "connection to server at … failed: timeout expired",
            "connection to server at … failed: No route to host",
            "connection to server at … failed: Network is unreachable",
            "connection to server at … failed: Connection timed out",
            "connection timeout expired",
        ),
        exceptions=("OperationalError",),
    ),
    Entry(
        "not-postgresql",
        "What answers at {host}, port {port} is not PostgreSQL",
        why="Another program listens on that port: its answer is not PostgreSQL's protocol.",
        fix=("Correct the host and port in the database URL; PostgreSQL's usual port is 5432.",),
        messages=(
            "received invalid response to SSL negotiation: …",
            "expected authentication request from server, but received …",
        ),
        exceptions=("OperationalError",),
    ),
    Entry(
        "closed-at-log-in",
        "{host}, port {port} closed the connection during the log-in",
        why="The server is stopping or restarting; or a pooler or a proxy listens there and can't "
        "reach its server; or it is not PostgreSQL at all.",
        fix=("Try again in some seconds; if it stays so, read the log of what listens there.",),
        messages=(
            "connection to server … failed: server closed the connection unexpectedly",
            "connection to server … failed: SSL SYSCALL error: EOF detected",
            "connection to server … failed: could not receive data from server: …",
        ),
        exceptions=("OperationalError",),
    ),
    Entry(
        "no-password",
        "The server wants a password of role {role}, and the database URL has none",
        why="The server's pg_hba.conf asks for a password on this connection.",
        fix=(
            "Put the password in the database URL: "
            "`postgresql://{role}:password@{host}:{port}/{database}`, its special characters "
            "percent-encoded. A role that has none yet gets one by:",
            "postgres=# \\password {role}",
        ),
        messages=("fe_sendauth: no password supplied",),
        exceptions=("OperationalError",),
    ),
    Entry(
        "password-rejected",
        "The server rejects the password of role {role}",
        why="The password in the database URL is not that of the role, or the role doesn't exist: "
        "a server that asks for passwords doesn't tell which. A password with special characters "
        "that are not percent-encoded arrives as another one.",
        fix=(
            "Correct the database URL, or set the role's password anew:",
            "postgres=# \\password {role}",
            "If there is no such role, create it: `CREATE ROLE {role} LOGIN`.",
        ),
        messages=("password authentication failed for user …",),
        exceptions=("OperationalError",),
        sqlstates=("28P01",),
    ),
    Entry(
        "peer-rejected",
        "The server lets in role {role} only from the system user of the same name",
        why="pg_hba.conf says `peer` (or `ident`) for this connection: no password counts, only "
        "the name of the system user who connects.",
        fix=(
            "Connect over TCP with a password: "
            "`postgresql://{role}:password@localhost:{port}/{database}`; "
            "or have the administrator change `peer` to `scram-sha-256` in the file that this "
            "names, and reload:",
            "postgres=# SHOW hba_file",
            "postgres=# SELECT pg_reload_conf()",
        ),
        messages=("Peer authentication failed for user …", "Ident authentication failed for …"),
        exceptions=("OperationalError",),
    ),
    Entry(
        "no-hba-entry",
        "The server's pg_hba.conf has no line for role {role}, database {database}, from here",
        why="A server lets in only those whom a line of its pg_hba.conf names: role, database and "
        "address together.",
        fix=(
            "Have the administrator add a line such as `host {database} {role} ADDRESS/32 "
            "scram-sha-256` (this machine's address) to the file that this names, and reload:",
            "postgres=# SHOW hba_file",
            "postgres=# SELECT pg_reload_conf()",
        ),
        messages=(
            "no pg_hba.conf entry for host …",
            "pg_hba.conf rejects connection for host …",
        ),
        exceptions=("OperationalError",),
    ),
    Entry(
        "ssl-required",
        "The server at {host} takes encrypted connections only",
        why="Its pg_hba.conf has `hostssl` lines alone, and the database URL turns encryption off.",
        fix=("Say `sslmode=require` in the query of the database URL, in place of `disable`.",),
        messages=("no pg_hba.conf entry for host …, no encryption",),
    ),
    Entry(
        "ssl-unsupported",
        "The server at {host} does not encrypt, and the database URL insists on it",
        why="The URL says `sslmode=require` (or `verify-...`), and the server runs without "
        "certificates.",
        fix=(
            "On one machine or a private network, say `sslmode=prefer` in the database URL; "
            "otherwise give the server a certificate and set `ssl = on`.",
        ),
        messages=("server does not support SSL, but SSL was required",),
        exceptions=("OperationalError",),
    ),
    Entry(
        "role-missing",
        "The server has no role {role}",
        why="The role in the database URL was never created on this server (or the URL names "
        "none, and the system user's name was taken).",
        fix=("postgres=# CREATE ROLE {role} LOGIN",),
        messages=("role … does not exist",),
        exceptions=("OperationalError",),
    ),
    Entry(
        "database-missing",
        "The server has no database {database}",
        why="The server runs and lets role {role} in, but the database itself was never created.",
        fix=(
            "$ {flask} doctor --fix create-database",
            "If role {role} may not create databases, the administrator does: "
            "`CREATE DATABASE {database} OWNER {role}`.",
        ),
        messages=("database … does not exist",),
        exceptions=("OperationalError",),
        sqlstates=("3D000",),
        action="create-database",
    ),
)
