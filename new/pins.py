"""The pinned versions of what an application needs, and of what that needs."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(constraints: str, pyproject: str, packages: list[str]) -> str:
    """Return the lines of constraints.txt that a project needs.

    `packages` are the pyproject.toml of the packages that lie in the project.
    """
    local = {
        canonicalize_name(tomllib.loads(package)["project"]["name"]): package
        for package in packages
    }
    wanted = [Requirement(line) for line in _dependencies(pyproject)]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in seen and not requirement.extras:
            continue
        seen.add(name)
        if name in local:
            lines = _dependencies(local[name])
        else:
            try:
                lines = requires(name) or []
            except PackageNotFoundError:  # another system needs it
                lines = []
        wanted += [
            found
            for found in map(Requirement, lines)
            if "extra ==" not in str(found.marker)
            or any(f'extra == "{extra}"' in str(found.marker) for extra in requirement.extras)
        ]
    lines = constraints.splitlines(keepends=True)
    return "".join(line for line in lines if _name(line) in seen)


def _dependencies(pyproject: str) -> list[str]:
    project = tomllib.loads(pyproject)["project"]
    return [*project["dependencies"], *project.get("optional-dependencies", {}).get("dev", [])]


def _name(line: str) -> str:
    return canonicalize_name(re.split(r"[=<>~!;\[ ]", line.strip())[0])
