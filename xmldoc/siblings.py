"""What happens to the children between two that stay (RFC 5261 §4.3.4, §4.5). Pure.

The children of an element are taken as nodes with a text, perhaps empty, before, between
and after them. Everything left of a gap is as in the old document while the gap is
changed, and everything right of it as in the new one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

from xmldoc.align import Pair
from xmldoc.patch_print import Change, Place, Target
from xmldoc.tree import Comment, Element, Node, split_name

WHITE_SPACE: Final = " \t\n\r"


class Siblings:
    """The children of one element."""

    def __init__(self, children: Sequence[Node]) -> None:
        self.nodes: list[Node] = []
        self.texts = [""]
        """One more than nodes; `texts[n]` stands before `nodes[n]`."""
        for child in children:
            if isinstance(child, str):
                self.texts[-1] = child
            else:
                self.nodes.append(child)
                self.texts.append("")

    @cached_property
    def positions(self) -> list[tuple[int, int]]:
        """Of each node: its position among those of its kind, and among all elements.

        Elements whose names differ in the prefix alone are of one kind.
        """
        seen: Counter[object] = Counter()
        positions: list[tuple[int, int]] = []
        for node in self.nodes:
            kind = split_name(node.name)[:2] if isinstance(node, Element) else type(node)
            seen[kind] += 1
            seen[Element] += isinstance(node, Element)
            positions.append((seen[kind], seen[Element]))
        return positions

    @cached_property
    def texts_before(self) -> list[int]:
        """Of each text, how many before it are not empty."""
        return list(accumulate(map(bool, self.texts), initial=0))

    def place(self, parent: Place | None, index: int) -> Place:
        """Where node `index` is, an element."""
        node = self.nodes[index]
        assert isinstance(node, Element)
        if parent is None:
            return Place(None, node.name, None, 1)
        return Place(parent, node.name, *self.positions[index])

    def target(self, parent: Place | None, index: int) -> Target:
        """What selects node `index`."""
        node = self.nodes[index]
        if isinstance(node, Element):
            return Target(self.place(parent, index))
        test = "comment" if isinstance(node, Comment) else "processing-instruction"
        return Target(parent, f"{test}()[{self.positions[index][0]}]")

    def text_target(self, parent: Place | None, index: int) -> Target:
        """What selects text `index`."""
        return Target(parent, f"text()[{1 + self.texts_before[index]}]")


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between two pairs of nodes that belong together, or the ends."""

    place: Place | None
    """The parent; None for the document."""
    old: Siblings
    new: Siblings
    left: Pair
    right: Pair

    def changes(self) -> Iterator[Change]:
        """What makes the new nodes and texts of the old ones."""
        removed = self.old.nodes[self.left[0] + 1 : self.right[0]]
        added = self.new.nodes[self.left[1] + 1 : self.right[1]]
        if list(map(type, removed)) == list(map(type, added)):
            yield from self._one_by_one(added)
            return
        space, text = self._space(bool(added))
        options = {"ws": space} if space else {}
        for index in reversed(range(self.left[0] + 1, self.right[0])):
            yield Change("remove", self.old.target(self.place, index), options)
        if added:
            yield from self._insert(added, text)
        else:
            yield from self._text(self.left[0] + 1, text, self.new.texts[self.right[1]])

    def _one_by_one(self, added: Sequence[Node]) -> Iterator[Change]:
        """Replace each node by that in its place, and each text."""
        start, new_start = self.left[0] + 1, self.left[1] + 1
        for offset in range(len(added), -1, -1):
            text, new_text = self.old.texts[start + offset], self.new.texts[new_start + offset]
            yield from self._text(start + offset, text, new_text)
            if offset:
                target = self.old.target(self.place, start + offset - 1)
                yield Change("replace", target, content=(added[offset - 1],))

    def _space(self, more: bool) -> tuple[str, str]:
        """The ws directive of each removal, and the text that they leave.

        With `more` to be inserted, white space is left for that.
        """
        texts = self.old.texts[self.left[0] + 1 : self.right[0] + 1]
        wanted = self.new.texts[self.right[1]]
        left = "".join(texts)
        if more or len(texts) == 1 or left == wanted:
            return "", left
        if wanted == texts[0] and all(map(_is_space, texts[1:])):
            return "after", wanted
        if wanted == texts[-1] and all(map(_is_space, texts[:-1])):
            return "before", wanted
        if len(texts) == 2 and not wanted and all(map(_is_space, texts)):
            return "both", wanted
        return "", left

    def _text(self, index: int, old: str, new: str) -> Iterator[Change]:
        """Make text `index`, which is now `old`, `new`; what is before it is as it was."""
        if old == new:
            return
        target = self.old.text_target(self.place, index)
        if old and new:
            yield Change("replace", target, content=(new,))
        elif old:
            yield Change("remove", target)
        elif index:
            target = self.old.target(self.place, index - 1)
            yield Change("add", target, {"pos": "after"}, (new,))
        else:
            yield Change("add", Target(self.place), {"pos": "prepend"}, (new,))

    def _insert(self, added: Sequence[Node], text: str) -> Iterator[Change]:
        """Insert `added` and the texts around it where there is only `text`."""
        texts = self.new.texts[self.left[1] + 1 : self.right[1] + 1]
        first, last = texts[0], texts[-1]
        at_end = self.right[0] == len(self.old.nodes)
        # Once something here was removed, what is right of it has another position.
        moved = self.place is not None and self.right[0] - self.left[0] > 1
        if first.startswith(text) and at_end and self.place is not None:
            texts[0] = first[len(text) :]
            yield Change("add", Target(self.place), content=_content(texts, added))
        elif last.endswith(text) and self.left[0] >= 0:
            texts[-1] = last[: len(last) - len(text)]
            yield self._after_left(texts, added)
        elif first.startswith(text) and not at_end and not moved:
            texts[0] = first[len(text) :]
            target = self.old.target(self.place, self.right[0])
            yield Change("add", target, {"pos": "before"}, _content(texts, added))
        elif last.endswith(text):
            texts[-1] = last[: len(last) - len(text)]
            yield self._after_left(texts, added)
        else:
            yield from self._text(self.left[0] + 1, text, "")
            yield self._after_left(texts, added)

    def _after_left(self, texts: Sequence[str], added: Sequence[Node]) -> Change:
        content = _content(texts, added)
        if self.left[0] < 0:
            return Change("add", Target(self.place), {"pos": "prepend"}, content)
        target = self.old.target(self.place, self.left[0])
        return Change("add", target, {"pos": "after"}, content)


def _content(texts: Sequence[str], nodes: Sequence[Node]) -> list[Node]:
    """`nodes` with the texts around them."""
    content: list[Node] = [texts[0]]
    for node, text in zip(nodes, texts[1:], strict=True):
        content += (node, text)
    return [node for node in content if node]


def _is_space(text: str) -> bool:
    return bool(text) and not text.strip(WHITE_SPACE)
