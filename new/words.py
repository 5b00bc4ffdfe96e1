"""Puts an application's own words in the place of the starter's.

Where a name of several words is read by people, it is written with spaces: the class CoffeeShop,
the table coffee_shops, "Add a coffee shop".
"""

import io
import re
import tokenize
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import PurePath

from .names import Names

WORDS = re.compile(r"(?:\b(?P<article>[Aa]) )?(?P<word>[Ss]tarterapp|[Ww]idgets?)")
# Where a word is in a text, and not a part of an address, a name or a command.
BEFORE, AFTER = re.compile(r"(?<!flask)(^|[\s>(])$"), re.compile(r"[\s,;:!?<{\"')]|\.(?!\w)|$")
# What isn't read by people.
CODE = {
    ".html": re.compile(r"\{[{%#].*?[}%#]\}|<[^>]*>", re.DOTALL),
    ".md": re.compile(r"```.*?```|`[^`]*`", re.DOTALL),
}
# Python 3.12 and newer read f-strings in parts.
READ = (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", None))
# Words that begin with a vowel's letter, but not with its sound.
CONSONANT = re.compile(r"uni|us[aeiu]|eu|one|ut[aeiou]")
SILENT = re.compile(r"hour|honest|honou?r|heir")


def renamed(path: PurePath, text: str, names: Names) -> str:
    """Return the text of a file with the application's words."""
    starts, ends = zip(*[(0, 0), *_prose(path, text)], strict=True)

    def replace(match: re.Match[str]) -> str:
        place = bisect_right(starts, match.start("word")) - 1
        is_read = (
            match.start("word") < ends[place]
            and BEFORE.search(text, max(0, match.start("word") - 6), match.start("word"))
            and AFTER.match(text, match.end())
        )
        word = _word(match["word"], names, is_read=bool(is_read))
        return f"{_article(match['article'], word)}{word}"

    return WORDS.sub(replace, text)


def renamed_path(path: PurePath, names: Names) -> PurePath:
    """Return the path with the application's words."""
    return PurePath(WORDS.sub(lambda match: _word(match["word"], names), str(path)))


def _word(word: str, names: Names, *, is_read: bool = False) -> str:
    if word == "starterapp":
        return names.package
    if word == "Starterapp":
        return names.package.replace("_", " ").capitalize()
    if word == "Widgets":  # only for people
        return names.plural.replace("_", " ").capitalize()
    if word == "Widget" and not is_read:
        return names.model
    noun = names.plural if word.endswith("s") else names.singular
    noun = noun.replace("_", " ") if is_read else noun
    return noun.capitalize() if word[0] == "W" else noun


def _article(article: str | None, word: str) -> str:
    if not article:
        return ""
    word = word.lower()
    vowel = word[0] in "aeiou" and not CONSONANT.match(word)
    return f"{article}n " if vowel or SILENT.match(word) else f"{article} "


def _prose(path: PurePath, text: str) -> Iterator[tuple[int, int]]:
    """Find the parts of a file that people read: where they start and end."""
    if path.suffix == ".py":
        lines = [0]
        for line in text.splitlines(keepends=True):
            lines.append(lines[-1] + len(line))
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in READ and " " in token.string:
                (row, column), (last_row, last_column) = token.start, token.end
                yield lines[row - 1] + column, lines[last_row - 1] + last_column
    elif path.suffix in CODE:
        end = 0
        for match in CODE[path.suffix].finditer(text):
            yield end, match.start()
            end = match.end()
        yield end, len(text)
