"""What commands in a world find: programs, variables, a home."""

import os
import sys
from pathlib import Path

from clusters import Cluster

from .nursery import Nursery

# What the administrator's commands are in a world: there is no password to ask for.
SUDO = """\
#!/bin/sh
while [ "${1#-}" != "$1" ]; do if [ "$1" = -u ]; then user=$2; shift; fi; shift; done
case "$1" in systemctl|service|pg_ctlcluster) exec sh "$EXAM_START";; esac
exec "$@"
"""
PIP = """\
#!/bin/sh
for name in "$@"; do rm -f "$EXAM_HIDDEN/$(echo "$name" | sed 's/-binary//; s/\\[.*//')".py; done
"""


START = '#!/bin/sh\nexec sh "$EXAM_START"\n'
NOTHING = "#!/bin/sh\nexit 1\n"
# What would reach beyond the world, by what stands in its place.
PROGRAMS = {"sudo": SUDO, "pip": PIP, "apt": NOTHING, "apt-get": NOTHING, "killall": NOTHING}
PROGRAMS |= dict.fromkeys(("service", "systemctl", "pg_ctlcluster", "brew", "net"), START)


def environment(root: Path, nursery: Nursery, cluster: Cluster) -> dict[str, str]:
    """Make the programs and the variables that commands in a world have."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FLASK_", "APP_CONFIG", "DATABASE_", "PG", "PYTHON", "WEB_"))
    }
    own = root / "bin"
    home = root / "home"
    hidden = root / "hidden"
    for folder in (own, home, hidden):
        folder.mkdir()
    for name, script in PROGRAMS.items():
        (own / name).write_text(script)
        (own / name).chmod(0o755)
    path = [nursery.bin, own, Path(sys.executable).parent, cluster.binaries]
    return kept | {
        "PATH": os.pathsep.join([*map(str, path), kept["PATH"]]),
        "HOME": str(home),
        "PYTHONPATH": str(hidden),
        "PYTHONDONTWRITEBYTECODE": "1",
        "EXAM_HIDDEN": str(hidden),
        "EXAM_START": str(cluster.folder / "start.sh"),
    }
