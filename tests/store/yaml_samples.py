"""YAML as people write it, at random: styles, indentation, comments, anchors and merge keys."""

from __future__ import annotations

import copy
import random
from typing import Any

from store.gateway.yaml_text import flow_text, is_block, scalar_text

KEYS = ("model_name", "litellm_params", "api_key", "timeout", "a", "b", "c d", "on", "1", 1, True,
        "한국어", "<<", "*", "x: y", "- z", "")  # fmt: skip
TEXTS = ("a", "gpt-4.1", "os.environ/KEY", "on", "no", "1", "1e5", "", "é", "x # y", "x: y", "it's",
         'say "x"', "a, b", "[x", "- a", "two\nlines", "end\n", "\ttab", " blank ", "#", "&a", "*b",
         "!t", "? q", "|", "~", "---", "...", "한국어 🙂", "w " * 400)  # fmt: skip
SCALARS = (None, True, False, 0, 1, -7, 0.0, -0.0, 1.0, 1e-7, 1e22, float("inf"), b"\x00\xff")


def value(rnd: random.Random, depth: int = 3) -> Any:
    kind = rnd.random()
    if depth and kind < 0.35:
        return {rnd.choice(KEYS): value(rnd, depth - 1) for _ in range(rnd.randint(0, 4))}
    if depth and kind < 0.6:
        return [value(rnd, depth - 1) for _ in range(rnd.randint(0, 4))]
    return rnd.choice(TEXTS) if kind < 0.85 else rnd.choice(SCALARS)


def document(rnd: random.Random) -> Any:
    """A mapping mostly, with enough in it to be edited."""
    if rnd.random() < 0.1:
        return value(rnd)
    return {key: value(rnd) for key in rnd.sample(KEYS, rnd.randint(1, 5))}


def changed(rnd: random.Random, old: Any) -> Any:
    """A copy with some parts added, dropped, moved or replaced."""
    if isinstance(old, dict) and old and rnd.random() < 0.9:
        result = {k: changed(rnd, v) if rnd.random() < 0.4 else v for k, v in old.items()}
        if rnd.random() < 0.3:
            del result[rnd.choice(list(result))]
        if rnd.random() < 0.3:
            result[rnd.choice(KEYS)] = value(rnd, 2)
        return copy.deepcopy(result)
    if isinstance(old, list) and old and rnd.random() < 0.9:
        items = [changed(rnd, part) if rnd.random() < 0.4 else part for part in old]
        if rnd.random() < 0.3:
            items.pop(rnd.randrange(len(items)))
        if rnd.random() < 0.3:
            items.insert(rnd.randint(0, len(items)), value(rnd, 2))
        if rnd.random() < 0.3:
            rnd.shuffle(items)
        return copy.deepcopy(items)
    return value(rnd, 2)


class Writer:
    """Writes a value in a style chosen anew at each part."""

    def __init__(self, rnd: random.Random, newline: str = "\n", *, simple: bool = False) -> None:
        """simple: one line for each scalar; no anchors, no merge keys, no `? key`."""
        self.rnd = rnd
        self.newline = newline
        self.simple = simple
        self.names: list[tuple[str, Any]] = []
        self.count = 0

    def chance(self, share: float) -> bool:
        return self.rnd.random() < share

    def text(self, root: Any) -> str:
        lines = ["# head", ""] if self.chance(0.3) else []
        if self.chance(0.15):
            lines.append("--- # start" if self.chance(0.5) else "---")
        lines += self.block(root, 0) if is_block(root) else [self.inline(root)]
        lines += [["# tail"], ["", "# tail", ""], ["..."], []][self.rnd.randrange(4)]
        end = self.newline if self.chance(0.8) else ""
        return self.newline.join(lines) + end

    def inline(self, part: Any) -> str:
        if isinstance(part, str) and self.chance(0.5):
            return scalar_text(part, quote=self.rnd.choice("\"'"), flow=True)
        if not self.chance(0.1) or not is_block(part):
            return flow_text(part)
        text = flow_text(part)
        return text if "'" in text or '"' in text else text.replace(", ", " , ")

    def comment(self) -> str:
        return self.rnd.choice(["  # why: [x", " #", "   "]) if self.chance(0.2) else ""

    def notes(self, column: int) -> list[str]:
        if not self.chance(0.2):
            return []
        note = " " * column + "# note: 'x"
        return self.rnd.choice([[note], ["", note], [""], ["# left"], [note, note], [note, ""]])

    def name(self, part: Any) -> str:
        """An anchor for the value, at times."""
        if self.simple or not self.chance(0.1):
            return ""
        self.count += 1
        self.names.append((f"n{self.count}", part))
        return f" &n{self.count}"

    def alias(self, part: Any) -> str | None:
        for name, known in self.names:
            if type(known) is type(part) and repr(known) == repr(part) and self.chance(0.7):
                return f"*{name}"
        return None

    def head(self, lead: str, part: Any, column: int, step: int) -> list[str]:
        """A key or dash with its value."""
        alias = self.alias(part)
        if alias is not None:
            return [f"{lead} {alias}{self.comment()}"]
        if not is_block(part) or self.chance(0.2):
            if self.literal(part) and self.chance(0.2):
                pad = " " * (column + 2)
                return [f"{lead} |-", *(pad + line for line in part.split("\n"))]
            if part is None and self.chance(0.5):
                return [lead + self.comment()]
            text = self.inline(part)
            name = self.name(part)
            if not self.simple and self.chance(0.1) and is_block(part):
                pad = self.newline + " " * (column + 3)
                text = text[0] + pad + text[1:-1] + self.comment() + pad + text[-1]
            return [f"{lead}{name} {text}{self.comment()}"]
        start = len(self.names)
        lines = self.block(part, column + step)
        if lead.endswith("-") and self.chance(0.8) and not lines[0].strip().startswith("#"):
            return [lead + " " * (step - 1) + lines[0].lstrip(" "), *lines[1:]]
        if not self.simple and self.chance(0.15):
            self.count += 1
            self.names.insert(start, (f"n{self.count}", part))
            lead += f" &n{self.count}"
        return [lead + self.comment(), *lines]

    def literal(self, part: Any) -> bool:
        """Whether `|-` can hold it."""
        if self.simple or not isinstance(part, str) or not part or part != part.strip():
            return False
        return part.replace("\n", "").isprintable()

    def block(self, part: Any, column: int) -> list[str]:
        pad = " " * column
        lines: list[str] = []
        if isinstance(part, list):
            width = self.rnd.choice([2, 2, 2, 4])
            for item in part:
                lines += [*(self.notes(column) if lines else []),
                          *self.head(pad + "-", item, column, width)]  # fmt: skip
            return lines
        part = dict(part)
        for name, known in self.names:
            if isinstance(known, dict) and known and self.chance(0.5) and all(
                key in part and repr(key) in map(repr, part) for key in known
            ):  # fmt: skip
                lines.append(f"{pad}<<: *{name}")
                part = {k: v for k, v in part.items()
                        if k not in known or repr(known[k]) != repr(v)}  # fmt: skip
                break
        for key, item in part.items():
            step = self.rnd.choice([2, 2, 4]) if not isinstance(item, list) else self.rnd.choice(
                [0, 2])  # fmt: skip
            if not self.simple and self.chance(0.03):
                lines += [f"{pad}? {scalar_text(key)}", f"{pad}: {self.inline(item)}"]
                continue
            shown = scalar_text(key, quote=self.rnd.choice(["", "", "'", '"'])
                                if isinstance(key, str) else "")  # fmt: skip
            lines += [*(self.notes(column) if lines else []),
                      *self.head(f"{pad}{shown}:", item, column, step)]  # fmt: skip
        return lines
