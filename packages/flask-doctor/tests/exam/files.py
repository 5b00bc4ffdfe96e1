"""The files of a world, and how breaks change them."""

import re
from pathlib import Path
from random import Random

from .setups import Setup


class Unfit(Exception):  # noqa: N818
    """This break can't happen to this set-up."""


class Files:
    """An application's folder."""

    folder: Path
    setup: Setup
    random: Random

    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, what: str) -> None:
        """Note what was broken, for whoever reads the exam's answers."""
        self.told.append(what)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(data)

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text that must be there."""
        content = self.read(name)
        if old not in content:
            raise Unfit(f"{name} has no {old!r}")
        self.write(name, content.replace(old, new, 1))
        self.say(f"{name}: {old.strip()!r} -> {new.strip()!r}")

    def engine_options(self, options: str) -> None:
        """Give the engine more options, as `"name": value`."""
        url = 'os.environ["DATABASE_URL"]'
        setting = 'app.config["SQLALCHEMY_DATABASE_URI"]'
        old, new = {
            "article": (
                setting,
                f'app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {{{options}}}\n{setting}',
            ),
            "microblog": (
                "    SHOWN_AT_ONCE = 25",
                f"    SQLALCHEMY_ENGINE_OPTIONS = {{{options}}}",
            ),
            "shop": ('"pool_pre_ping": True', options),
            "birds": (f'"default": {url}', f'"default": {{"url": {url}, {options}}}'),
            "plain": (f"{url})", f"{url}, **{{{options}}})"),
        }[self.setup.name]
        self.edit(self.setup.config, old, new)

    def sub(self, name: str, old: str, new: str) -> None:
        """Replace one random match of a pattern that must be there."""
        content = self.read(name)
        matches = list(re.finditer(old, content, re.M))
        if not matches:
            raise Unfit(f"{name} has no {old!r}")
        match = self.random.choice(matches)
        with_groups = match.expand(new)
        self.write(name, content[: match.start()] + with_groups + content[match.end() :])
        self.say(f"{name}: {match[0].strip()!r} -> {with_groups.strip()!r}")

    def add_attribute(self, model: str, name: str, kind: str) -> None:
        """Give a model one more column, in its own style."""
        own = self.setup.columns == "db."
        python = {"Integer": "int", "String": "str"}[kind]
        line = (
            f"    {name} = db.Column(db.{kind})"
            if own
            else f"    {name}: Mapped[{python} | None] = mapped_column()"
        )
        content = self.read(self.setup.models)
        start = content.index(f"class {model}(")
        end = (content.find("\n\n\n", start) + 1 or len(content)) - 1
        self.write(self.setup.models, f"{content[:end].rstrip()}\n{line}\n{content[end:]}")

    def revisions(self) -> dict[str, tuple[str, str | None]]:
        """Return the revision and the one before it, by file."""
        found = {}
        for file in sorted((self.folder / self.setup.versions).glob("*.py")):
            own = re.search(r'^revision = "(.*)"', file.read_text(), re.M)
            down = re.search(r'^down_revision = "(.*)"', file.read_text(), re.M)
            if own:
                found[file.name] = own[1], down[1] if down else None
        return found

    def head(self) -> str:
        pairs = self.revisions().values()
        return next(own for own, _ in pairs if own not in {down for _, down in pairs})

    def add_migration(self, code: str, revision: str = "cafe00000001", down: str = "") -> None:
        """Write one more migration."""
        down = down or self.head()
        self.write(
            f"{self.setup.versions}/{revision}_change.py",
            f'"""change"""\n\nimport sqlalchemy as sa\nfrom alembic import op\n\n'
            f'revision = "{revision}"\ndown_revision = "{down}"\nbranch_labels = None\n'
            f"depends_on = None\n\n\ndef upgrade():\n    {code}\n\n\n"
            "def downgrade():\n    pass\n",
        )
