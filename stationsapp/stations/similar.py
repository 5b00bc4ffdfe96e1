"""Names that may be of the same place."""

import re
import unicodedata
from difflib import SequenceMatcher

ALIKE = 0.8  # of the letters


def is_similar(name: str, other: str) -> bool:
    """Tell whether one name contains all words of the other, or most letters are the same."""
    words, others = _words(name), _words(other)
    if words <= others or others <= words:
        return True
    matcher = SequenceMatcher(None, " ".join(sorted(words)), " ".join(sorted(others)))
    # The first two are quick, and never less than the third.
    ratios = (matcher.real_quick_ratio, matcher.quick_ratio, matcher.ratio)
    return all(ratio() >= ALIKE for ratio in ratios)


def _words(name: str) -> set[str]:
    """Return the words in lower case and without accents."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return set(re.findall(r"\w+", re.sub(r"[\u0300-\u036f]", "", letters)))
