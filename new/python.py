"""Leaves out of Python code what names certain things."""

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath

Block = Sequence[ast.stmt]


def pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern for whole words."""
    return re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words))})(?![\w-])")


def without(path: PurePath, text: str, words: Sequence[str]) -> str:
    """Return the code without the statements, arguments and comments that have these words.

    A function or a block goes with its first line, a call over several lines with its first
    argument, and a comment with the statement below it.
    """
    code = _Code(text, pattern(words))
    code.leave_out(ast.parse(text).body)
    return code.rest()


class _Code:
    def __init__(self, text: str, words: re.Pattern[str]) -> None:
        self.words = words
        self.lines = text.splitlines(keepends=True)
        self.gone = {
            number
            for number, line in enumerate(self.lines, 1)
            if line.lstrip().startswith("#") and words.search(line)
        }

    def rest(self) -> str:
        return "".join(line for number, line in enumerate(self.lines, 1) if number not in self.gone)

    def leave_out(self, block: Block) -> bool:
        """Leave out what must go of a block. Return whether nothing is left of it."""
        left = [statement for statement in block if not self._goes(statement)]
        return len(left) < len(block) and all(map(_is_docstring, left))

    def _goes(self, statement: ast.stmt) -> bool:
        if _is_docstring(statement):
            return False
        blocks = list(_blocks(statement))
        if not blocks:
            goes = self._has_word(statement.lineno, statement.end_lineno) and not self._shorten(
                statement
            )
        else:
            left = [block for block in blocks if not self.leave_out(block)]
            goes = not left or self._has_word(statement.lineno, blocks[0][0].lineno - 1)
        decorators = getattr(statement, "decorator_list", [])
        for decorator in decorators:
            if self._has_word(decorator.lineno, decorator.end_lineno):
                self._drop(decorator.lineno, decorator.end_lineno)
        if goes:
            first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
            self._drop(first, statement.end_lineno)
        return goes

    def _shorten(self, statement: ast.stmt) -> bool:
        """Leave out parts of a statement. Return whether it stays."""
        if isinstance(statement, ast.ImportFrom) and not self.words.search(statement.module or ""):
            return self._shorten_import(statement)
        parts = [part for part in _parts(statement) if self._has_word(part.lineno, part.end_lineno)]
        # A part has lines of its own.
        if not parts or any(part.lineno == statement.lineno for part in parts):
            return False
        if parts[0] is next(_parts(statement)) and isinstance(parts[0], ast.Constant):
            return False
        for part in parts:
            self._drop(part.lineno, part.end_lineno)
        return True

    def _shorten_import(self, statement: ast.ImportFrom) -> bool:
        names = [alias for alias in statement.names if not self.words.fullmatch(alias.name)]
        if not names:
            return False
        self._drop(statement.lineno, statement.end_lineno)
        self.gone.discard(statement.lineno)
        indent = " " * statement.col_offset
        shorter = ast.unparse(ast.ImportFrom(statement.module, names, statement.level))
        self.lines[statement.lineno - 1] = f"{indent}{shorter}\n"
        return True

    def _has_word(self, first: int, last: int | None) -> bool:
        return any(self.words.search(line) for line in self.lines[first - 1 : last])

    def _drop(self, first: int, last: int | None) -> None:
        self.gone |= set(range(first, (last or first) + 1))
        while first > 1 and self.lines[first - 2].lstrip().startswith("#"):
            first -= 1
            self.gone.add(first)


def _blocks(statement: ast.stmt) -> Iterator[Block]:
    for name in ("body", "orelse", "finalbody"):
        if block := getattr(statement, name, None):
            yield block
    for handler in getattr(statement, "handlers", []):
        yield handler.body


def _parts(statement: ast.stmt) -> Iterator[ast.expr | ast.keyword]:
    """Return the arguments or the elements of a call, a list, a tuple, a set or a dict."""
    value = getattr(statement, "value", None)
    match value:
        case ast.Call():
            yield from value.args
            yield from value.keywords
        case ast.List() | ast.Tuple() | ast.Set():
            yield from value.elts
        case ast.Dict():
            yield from value.values


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
