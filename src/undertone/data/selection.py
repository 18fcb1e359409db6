"""What a reader is asked for, and what it finds on the way."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from undertone.errors import DataError


class Selection:
    """Decides, by name and split alone, whether a review is read; counts what it was shown.

    One selection serves one pass over one source. Readers ask :meth:`wants` before they touch
    the text, so the text of a split that was not asked for is never read.

    Attributes:
        need_labels: the source must have a column of labels.
        seen: how many reviews of each split the source holds, read or not. The key is None where
            the source names no split.
        matched: names that were excluded.
    """

    def __init__(
        self,
        splits: frozenset[str],
        *,
        excluded: frozenset[str] = frozenset(),
        need_labels: bool = False,
    ) -> None:
        self.need_labels = need_labels
        self.seen: Counter[str | None] = Counter()
        self.matched: set[str] = set()
        self._splits = splits
        self._excluded = excluded

    def wants(self, name: str, split: str | None) -> bool:
        """Whether the review is to be read. Without a split of its own it always is."""
        self.seen[split] += 1
        if name in self._excluded:
            self.matched.add(name)
            return False
        return split is None or split in self._splits

    @property
    def absent(self) -> int:
        """How many excluded names the source does not hold; true once it was read to its end."""
        return len(self._excluded) - len(self.matched)


def excluded_names(path: Path | None) -> frozenset[str]:
    """Read a list of example names, one a line; blank lines and lines from ``#`` on are skipped.

    A leading ``aclImdb/`` is dropped, so names may be written as they stand in the archive.

    Raises:
        DataError: the file is missing, is not UTF-8 text, or lists nothing.
    """
    if path is None:
        return frozenset()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(
            f"cannot read the exclude list {path}: {error.strerror}.", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"the exclude list {path} is not UTF-8 text (byte {error.start}).",
            "It holds one name a line, such as train/pos/15_7.txt.",
        ) from error
    stripped = (line.strip().removeprefix("aclImdb/") for line in lines)
    names = frozenset(name for name in stripped if name and not name.startswith("#"))
    if not names:
        raise DataError(f"the exclude list {path} is empty.", "Leave out --exclude, or fill it.")
    return names
