"""What an error says of itself: the driver's SQLSTATE, and whether it can pass."""

from sqlalchemy.exc import DBAPIError, TimeoutError

# No connection; no memory, disk space or connection left; the server stops or starts; a statement
# that took too long; a lock, a deadlock; a server that only reads (PostgreSQL's documentation,
# appendix A).
PASSING = ("08", "53", "57P", "57014", "55P03", "40P01", "25006")


def sqlstate_of(error: BaseException | None) -> str | None:
    """Return the SQLSTATE of an error of SQLAlchemy or of the driver, None where it has none."""
    original = error.orig if isinstance(error, DBAPIError) else error
    # psycopg2 and psycopg each have a name for it.
    return getattr(original, "pgcode", None) or getattr(original, "sqlstate", None)


def is_connecting(error: BaseException) -> bool:
    """Tell whether a driver's error is of no statement: a connection that failed or broke off."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (
            error.statement is None and sqlstate_of(error) is None and _is_operational(error.orig)
        )
    return _is_operational(error) and sqlstate_of(error) is None


def _is_operational(error: BaseException | None) -> bool:
    """Tell a driver's OperationalError (PEP 249) by its name: which driver it is, is all one."""
    return any(kind.__name__ == "OperationalError" for kind in type(error).__mro__)


def passes_by_itself(error: BaseException) -> bool:
    """Tell whether the same request can succeed later, by the class of the error alone."""
    if isinstance(error, TimeoutError) or is_connecting(error):  # the pool's; the server's
        return True
    return (sqlstate_of(error) or "").startswith(PASSING)
