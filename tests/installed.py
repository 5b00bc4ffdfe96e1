"""Projects with a virtual environment of what is installed here, so that no package is fetched."""

import sysconfig
import tomllib
from pathlib import Path
from venv import EnvBuilder

from postgres import ROOT


def install(folder: Path) -> None:
    """Make .venv as `make` does, but of the packages that are installed here."""
    EnvBuilder(symlinks=True).create(folder / ".venv")
    [packages] = folder.glob(".venv/lib/python*/site-packages")
    own = ("__", "distutils", "stationsapp", "flask_doctor")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(own):
            (packages / package.name).symlink_to(package)
    doctor = folder / "packages/flask-doctor"
    (packages / "own.pth").write_text(f"{doctor}/src\n{folder}\n")
    for project in (doctor / "pyproject.toml", folder / "pyproject.toml"):
        if project.exists():
            _describe(tomllib.loads(project.read_text())["project"], packages)
    programs = folder / ".venv/bin"
    for name in ("flask", "gunicorn", "mypy", "pytest", "ruff"):
        program = Path(sysconfig.get_path("scripts"), name).read_bytes()
        if program.startswith(b"#!"):
            _, _, program = program.partition(b"\n")
            program = f"#!{programs}/python\n".encode() + program
        (programs / name).write_bytes(program)
        (programs / name).chmod(0o755)
    (folder / ".venv/installed").write_text(f"{folder}\n")


def _describe(project: dict, packages: Path) -> None:
    """Write what pip writes about a project: its name, its version, and its commands."""
    info = packages / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    name, version = project["name"], project["version"]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    groups = project.get("entry-points", {})
    lines = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    )
    (info / "entry_points.txt").write_text("".join(lines))


def clone(folder: Path) -> Path:
    """Put this project in a folder, as far as `make new` needs it."""
    place = folder / "stationsapp"
    place.mkdir()
    for name in ("Makefile", "new", "starter", "packages", "pyproject.toml", "constraints.txt"):
        (place / name).symlink_to(ROOT / name)
    install(place)
    return place
