"""YAML in and out, within bounds.

Values are those of `yaml.safe_load`, which is what LiteLLM reads its file with. But safe_load is
not safe from size: a few hundred bytes of anchors or merge keys can cost it minutes. So the text
is turned into a graph of nodes first (aliases stay references), the size and depth that the graph
would have when written out are counted, and only then are values made.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import yaml

from store.checks import redact
from store.errors import ImportRefused

MAX_BYTES: Final = 10 * 1024 * 1024
MAX_DEPTH: Final = 50
MAX_NODES: Final = 100_000
"""Values in a file, after anchors, aliases and merge keys are written out."""

MAX_INT_BITS: Final = 4096
"""Python writes no integer of more than 4,300 digits, but reads them in hexadecimal."""
MAX_NUMBER_CHARS: Final = 5_000
"""YAML 1.1 reads 1:2:3 to the base of 60, and PyYAML in time that grows with the square."""

_PREFIX: Final = "tag:yaml.org,2002:"
_MERGE: Final = _PREFIX + "merge"
_MAPPING_TAGS: Final = (None, "!", _PREFIX + "map")
_SEQUENCE_TAGS: Final = (None, "!", _PREFIX + "seq")
_NUMBER_TAGS: Final = (_PREFIX + "int", _PREFIX + "float", _PREFIX + "timestamp")
_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml reads the same language about ten times faster; it is not there on every platform."""

Path = tuple[str | int, ...]
Pairs = list[tuple["_Node", "_Node"]]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """A file's value, and where in which file each part of it stood."""

    value: object
    lines: Mapping[Path, int]
    """The 1-based line of each value, by its path."""
    name: str = ""
    origins: Mapping[Path, str] = field(default_factory=dict)
    """Names of other files, for the parts that came from them (`include:`), by path."""

    def where(self, path: Path) -> str:
        """`litellm_config.yaml line 12`: the place of `path`, or of what encloses it."""
        line = next((self.lines[p] for p in _and_parents(path) if p in self.lines), None)
        name = next((self.origins[p] for p in _and_parents(path) if p in self.origins), self.name)
        return name if line is None else f"{name} line {line}"


def _and_parents(path: Path) -> Iterator[Path]:
    return (path[:end] for end in range(len(path), -1, -1))


def path_text(path: Path) -> str:
    """`model_list[2].litellm_params.api_key`, safe to print: no key, no control character."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part if part.isprintable() and part else repr(part)
            text += f".{plain}" if text else plain
    return redact(text)


@dataclass(slots=True, eq=False)
class _Node:
    line: int
    tag: str | None
    value: str | list[_Node] | Pairs
    is_mapping: bool = False
    closed: bool = True
    """False while its children are still being read: an alias to it then is recursive."""
    size: int = 1
    depth: int = 1


def read_yaml(text: str, *, name: str, slack: bool = False) -> YamlDocument:
    """The value of one YAML document, and the line of each part of it.

    Args:
        name: what the file is called in messages.
        slack: wider bounds, for text of ours that wraps or escapes what was read within them.

    Raises:
        ImportRefused: the text is not YAML, or breaks a bound; says the line.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES * (8 if slack else 1):
        raise ImportRefused(f"{name} is larger than {MAX_BYTES // 2**20} MiB.")
    bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        raise ImportRefused(
            f"{name} line {line}: holds the character U+{ord(bad.group()):04X}, "
            "which YAML does not allow. Remove it."
        )
    root = _Composer(name, 2 if slack else 1).compose(text)
    lines: dict[Path, int] = {}
    value = None if root is None else _Builder(name, lines).build(root, ())
    return YamlDocument(value, lines, name)


class _Composer:
    """Parser events to a graph of nodes, counted."""

    def __init__(self, name: str, factor: int) -> None:
        self.name = name
        self.max_nodes = MAX_NODES * factor
        self.max_depth = MAX_DEPTH * factor
        self.anchors: dict[str, _Node] = {}
        self.scalar_tag: Any = yaml.resolver.Resolver().resolve
        self.nodes = 0

    def refuse(self, line: int, reason: str) -> ImportRefused:
        return ImportRefused(f"{self.name} line {line}: {reason}")

    def compose(self, text: str) -> _Node | None:
        try:
            return self._document(yaml.parse(text, Loader=_PARSER))
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
            problem = " ".join(str(error.problem or error.context or "not YAML").split())
            raise ImportRefused(f"{self.name}{place}: {redact(problem)}.") from None
        except yaml.YAMLError:
            raise ImportRefused(f"{self.name} is not a YAML file.") from None

    def _document(self, events: Iterator[yaml.Event]) -> _Node | None:
        """Read all events with a stack of our own: depth is bounded, and so is the work."""
        root: _Node | None = None
        stack: list[_Node] = []
        waiting: list[_Node | None] = []  # of each open mapping, the key that awaits its value
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark else 1
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self.refuse(line, "a second document begins. Give one document a file.")
            if isinstance(event, yaml.CollectionEndEvent):
                waiting.pop()
                node = stack.pop()
                self._close(node)
            elif isinstance(event, yaml.NodeEvent):
                node = self._node(event, line)
            else:
                continue
            if not node.closed:
                stack.append(node)
                waiting.append(None)
                if len(stack) > self.max_depth:
                    raise self.refuse(line, f"is nested deeper than {self.max_depth} levels.")
                continue
            if not stack:
                root = node
            elif not stack[-1].is_mapping:
                _children(stack[-1]).append(node)
            elif waiting[-1] is None:
                waiting[-1] = node
            else:
                _pairs(stack[-1]).append((waiting[-1], node))
                waiting[-1] = None
        return root

    def _node(self, event: yaml.NodeEvent, line: int) -> _Node:
        self.nodes += 1
        if self.nodes > self.max_nodes:
            raise self.refuse(line, f"holds more than {self.max_nodes:,} values.")
        if isinstance(event, yaml.AliasEvent):
            found = self.anchors.get(event.anchor or "")
            if found is None:
                raise self.refuse(line, "an alias (*) names an anchor (&) that is not above it.")
            if not found.closed:
                raise self.refuse(line, "an alias (*) stands inside its own anchor (&).")
            return found
        if isinstance(event, yaml.ScalarEvent):
            tag = event.tag
            if tag == "!":  # libyaml calls this text; PyYAML's own parser, which counts, does not
                tag = self.scalar_tag(yaml.ScalarNode, event.value, (True, False))
            elif tag is None:
                tag = self.scalar_tag(yaml.ScalarNode, event.value, event.implicit)
            node = _Node(line, tag, event.value)
        else:
            assert isinstance(event, yaml.CollectionStartEvent)
            mapping = isinstance(event, yaml.MappingStartEvent)
            node = _Node(line, event.tag, [], is_mapping=mapping, closed=False)
            known = (*_MAPPING_TAGS, _PREFIX + "set") if mapping else _SEQUENCE_TAGS
            if event.tag not in known:
                raise self.refuse(line, "holds a tag (!) that is not plain data. Remove it.")
        if event.anchor is not None:
            if event.anchor in self.anchors:  # YAML allows it, PyYAML does not
                raise self.refuse(line, "names an anchor (&) a second time.")
            self.anchors[event.anchor] = node
        return node

    def _close(self, node: _Node) -> None:
        """Count what `node` comes to when its aliases and merge keys are written out."""
        if node.is_mapping:
            node.value = self._merged(node, _pairs(node))
            inner = [part for pair in _pairs(node) for part in pair]
        else:
            inner = _children(node)
        node.size = 1 + sum(part.size for part in inner)
        node.depth = 1 + max((part.depth for part in inner), default=0)
        node.closed = True
        if node.size > self.max_nodes:
            raise self.refuse(
                node.line,
                f"comes to more than {self.max_nodes:,} values when its anchors are expanded.",
            )
        if node.depth > self.max_depth:
            raise self.refuse(node.line, f"is nested deeper than {self.max_depth} levels.")

    def _merged(self, node: _Node, pairs: Pairs) -> Pairs:
        """The mapping's pairs with `<<` written out, in the order in which PyYAML takes them."""
        own: Pairs = []
        merged: Pairs = []
        for key, value in pairs:
            if key.tag != _MERGE:
                own.append((key, value))
                continue
            sources = [value] if value.is_mapping else value.value
            if isinstance(sources, str) or any(
                not (isinstance(source, _Node) and source.is_mapping) for source in sources
            ):
                raise self.refuse(value.line, "`<<` merges mappings only.")
            for source in reversed(sources):
                assert isinstance(source, _Node)
                # Counted over the whole document: many merges of one large mapping add up.
                self.nodes += len(_pairs(source))
                if self.nodes > self.max_nodes:
                    raise self.refuse(
                        node.line,
                        f"comes to more than {self.max_nodes:,} values by its merge keys.",
                    )
                merged.extend(_pairs(source))
        self._check_duplicates(own)
        return merged + own

    def _check_duplicates(self, pairs: Pairs) -> None:
        seen: set[Hashable] = set()
        for key, _ in pairs:
            value = self.key(key)
            if value in seen:
                shown = path_text((str(value),))
                raise self.refuse(key.line, f"the key {shown} stands twice in one mapping.")
            seen.add(value)

    def key(self, node: _Node) -> Hashable:
        if not isinstance(node.value, str):
            raise self.refuse(node.line, "a list or mapping cannot be a key.")
        value: Hashable = _scalar(node, self.name, as_key=True)
        return value


def _children(node: _Node) -> list[_Node]:
    assert isinstance(node.value, list)
    return node.value  # type: ignore[return-value]


def _pairs(node: _Node) -> Pairs:
    assert isinstance(node.value, list)
    return node.value  # type: ignore[return-value]


_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()


def _scalar(node: _Node, name: str, *, as_key: bool = False) -> Any:
    assert isinstance(node.value, str)
    tag = node.tag or ""
    if as_key and tag == _PREFIX + "value":
        return node.value  # PyYAML takes a key of `=` for text
    construct = yaml.SafeLoader.yaml_constructors.get(tag)
    if construct is None or not tag.startswith(_PREFIX):
        raise ImportRefused(
            f"{name} line {node.line}: holds a tag (!) or sign that is not plain data. "
            "Put quotes round the text, or remove the tag."
        )
    if tag in _NUMBER_TAGS and len(node.value) > MAX_NUMBER_CHARS:
        raise ImportRefused(f"{name} line {node.line}: the number is too large.")
    try:
        value = construct(_CONSTRUCTOR, yaml.ScalarNode(tag, node.value))
    except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError, yaml.YAMLError):
        kind = {"int": "number", "float": "number", "timestamp": "date"}.get(
            tag.removeprefix(_PREFIX), "value"
        )
        raise ImportRefused(
            f"{name} line {node.line}: reads like a {kind} but is none. "
            "Put quotes round it if it is text."
        ) from None
    if isinstance(value, Iterator):  # a list or mapping tag on a scalar
        raise ImportRefused(f"{name} line {node.line}: the tag does not fit the value.")
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        raise ImportRefused(f"{name} line {node.line}: the number is too large.")
    if isinstance(value, str) and any("\ud800" <= ch <= "\udfff" for ch in value):
        raise ImportRefused(f"{name} line {node.line}: holds half of a character (a surrogate).")
    return value


class _Builder:
    """Nodes to values. Every use of an alias gets a value of its own, so none is shared."""

    def __init__(self, name: str, lines: dict[Path, int]) -> None:
        self.name = name
        self.lines = lines

    def build(self, node: _Node, path: Path) -> object:
        self.lines[path] = node.line
        if isinstance(node.value, str):
            return _scalar(node, self.name)
        if not node.is_mapping:
            return [self.build(item, (*path, i)) for i, item in enumerate(_children(node))]
        result: dict[Hashable, object] = {}
        for key_node, value_node in _pairs(node):
            key = _scalar(key_node, self.name, as_key=True)
            part = key if isinstance(key, str | int) else str(key)
            result[key] = self.build(value_node, (*path, part))
        return set(result) if node.tag == _PREFIX + "set" else result


SMALLEST: Final = 1e-12
LARGEST: Final = 1e16
"""Numbers between these are written out, without an exponent."""
_WORDS_OF_PARSERS: Final = "y n yes no on off true false null none nil nan inf infinity e undefined"
_WORDS: Final = frozenset(_WORDS_OF_PARSERS.split())


class _Dumper(yaml.SafeDumper):
    """Plain, block style; quotes whatever another YAML parser could take for something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        # Plain only where nothing could mislead: YAML 1.1 and 1.2 disagree on yes/no/on/off/y/n,
        # 0o17, 08, 1e5 and 1:30, which all begin with a digit, sign or dot, or are a known word.
        plain = data[:1].isalpha() and data.isascii() and data.lower() not in _WORDS
        style = None if plain else '"' if not data.isprintable() or not data.isascii() else "'"
        return self.represent_scalar(_PREFIX + "str", data, style=style)

    def represent_number(self, data: float) -> yaml.ScalarNode:
        text = repr(data)
        if "e" in text and SMALLEST <= abs(data) < LARGEST:
            text = f"{Decimal(text):f}"  # 0.000003, as people write prices
            text += "" if "." in text else ".0"
        if math.isnan(data):
            text = ".nan"
        elif math.isinf(data):
            text = ".inf" if data > 0 else "-.inf"
        elif "." not in text and "e" in text:
            # YAML 1.1 wants a dot before the exponent; 1.2 reads that form as well.
            text = text.replace("e", ".0e", 1)
        return self.represent_scalar(_PREFIX + "float", text)


_Dumper.add_representer(str, _Dumper.represent_text)
_Dumper.add_representer(float, _Dumper.represent_number)


def dump_yaml(value: object) -> str:
    """`value` as YAML that this reader, `yaml.safe_load` and other parsers read back equal.

    ASCII only, keys in their order, no anchors.
    """
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        allow_unicode=False,
        sort_keys=False,
        default_flow_style=False,
        width=1000,
    )
    return text.removesuffix("...\n")
