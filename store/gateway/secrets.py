"""Literal keys in a configuration file: found, refused, or replaced by a variable's name.

What counts as a literal key: text that has a known key's shape anywhere; text under a name such as
`api_key`, `master_key`, `redis_password` or `Authorization`; a URL with a user and password. A key
that is found goes nowhere: no message, path or result of this module holds it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from store.checks import ENV_REFERENCE, check_env_name, looks_like_key
from store.errors import ImportRefused, InvalidField
from store.gateway.provider_names import infer_provider
from store.gateway.yaml_reader import Path, YamlDocument, path_text


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SECRET_WORDS: Final = _set_of(
    "apikey authorization credential credentials key license passcode passphrase passwd password"
    " pat pwd secret secrets token cookie"
)
_NEUTRAL_WORDS: Final = _set_of(
    "alias algorithm arn budget claim class cost count counter days duration enabled endpoint"
    " env expiry field file format generate generation header headers id ids interval length"
    " limit manager management name names params path policy prefix ratio region rotation scope"
    " settings size system ttl type uri url urls vault version"
)
_HARMLESS_KEYS: Final = _set_of(
    "cache foreign hash index partition per primary public routing sort"
)
_PERHAPS_SECRET: Final = _set_of("auth credential credentials key keys pass salt")
"""Names that often hold a name or a file: what is under them is a key if it looks random."""
_NUMBERS_TOO: Final = _set_of("access api encryption master private salt secret signing")
"""Words before `key` under which even a number is a key: `master_key: 1234`."""
_NAMED_BY_PEOPLE: Final = _set_of(
    "model_group_alias fallbacks context_window_fallbacks content_policy_fallbacks"
    " model_group_retry_policy model_group_affinity_config"
)
"""Sections whose keys are names of models: one called `secret` names no secret."""
_PLACEHOLDERS: Final = _set_of(
    "anything dummy dummy-key dummy_key empty fake fake-key fake_key lm-studio local na n/a no-key"
    " no_key nokey none not-needed not_needed notneeded null ollama placeholder"
    " sk-no-key-required unused vllm x xx xxx"
)
"""Well-known stand-ins under `api_key`, for servers that ask for a key and do not look at it."""

_URL_WITH_USER: Final = re.compile(r"://[^/?#\s@:]*:[^/?#\s]+@|https?://[^/?#\s@]+@", re.IGNORECASE)
_URL_WITH_KEY: Final = re.compile(
    r"[?&](?:api[_-]?key|key|token|access_token|auth|code|sig|signature|password|[a-z]{1,20}-key)"
    r"=[^&\s]{6,}"
    r"|hooks\.slack\.com/(?:services|workflows)/\S+|/api/webhooks/\d+/\S+"
    r"|office\.com/webhook\w*/\S+|api\.telegram\.org/bot\d+:\S+",
    re.IGNORECASE,
)
_NO_REFERENCE: Final = r"(?!['\"]?(?:os\.environ/|\$|<|\{|\*))"
_ASSIGNED: Final = re.compile(
    r"(?:^|[\s;,?&'\"\-])(?:api[_-]?key|access[_-]?key|accountkey|sharedaccesskey|access[_-]?token"
    r"|auth[_-]?token|token|password|passwd|pwd|(?:client[_-]?)?secret)="
    + _NO_REFERENCE
    + r"\S{6,}"
    r"|authorization['\"]?\s*[:=]\s*['\"]?(?:bearer|basic|token)\s+" + _NO_REFERENCE + r"\S{8,}",
    re.IGNORECASE,
)
"""A key inside a longer text: `--api-key=…`, a connection string, a header in a list."""
_OPTION: Final = re.compile(r"--?(?:[a-z]{1,20}[_-]){0,3}(?:key|token|password|secret)", re.I)
_HEADER: Final = re.compile(
    r"\s*(?:bearer|basic|token)\s+" + _NO_REFERENCE + r"\S{8,}", re.IGNORECASE
)
_DENSE: Final = re.compile(
    r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_\-+=]{24,}"
    r"|(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/=]{32,}"
)
_NAMED: Final = re.compile(
    r"(?<![\w.-])([\w.-]{1,64})['\"]?\s*[:=]\s*['\"]?([A-Za-z0-9_\-+/=]{24,})"
)
_CONSTANT: Final = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)+")
"""A variable's name, as people write them."""
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WRAPPED_REFERENCE: Final = re.compile(
    r"\s*(?:(?:bearer|basic|token)\s+)?os\.environ/[A-Za-z_][A-Za-z0-9_]*\s*", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
_SECRET_SECTIONS: Final = ("environment_variables", "credential_values")
_SHORT: Final = 64
"""Characters of a name whose words are remembered: a file has the same ones over and over."""
_REFERENCES: Final = re.compile(r"os\.environ/([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(slots=True)
class Cleaned:
    """A document without literal keys."""

    document: YamlDocument
    warnings: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    """Variables that stand where keys stood."""


def clean_document(document: YamlDocument, *, replace_keys: bool) -> Cleaned:
    """The document, in which each literal key is `os.environ/NAME` when `replace_keys` is set.

    Raises:
        ImportRefused: it holds a literal key and `replace_keys` is not set, or one at a place
            that cannot refer to a variable.
    """
    search = _Search(document, replace_keys)
    value = search.walk(document.value, ())
    if search.found:
        raise ImportRefused(_refusal(document, search.found))
    cleaned = YamlDocument(value, document.lines, document.name, document.origins)
    return Cleaned(cleaned, search.warnings, list(dict.fromkeys(search.names.values())))


def is_key(name: str, value: object, *, inside: bool = False) -> bool:
    """Whether `value` under `name` is a literal key; `inside`: under a name that is a secret's."""
    if value is None or isinstance(value, bool):
        return False
    return _is_literal(value, (name,), inside or _is_secret_name(name))


def names_key(line: str) -> bool:
    """Whether a line of no YAML gives a key by its name: `# api_key: 0123456789abcdef…`.

    Only what reads as random counts: people write sentences behind such a name, too.
    """
    return any(
        _DENSE.fullmatch(value) and not _CONSTANT.fullmatch(value) and is_key(name, value)
        for name, value in _NAMED.findall(line)
    )


def _refusal(document: YamlDocument, found: list[Path]) -> str:
    more = f" The same holds for {len(found) - 1} more." if len(found) > 1 else ""
    return (
        f"{document.where(found[0])}: {path_text(found[0])} holds a literal key. Put the key into "
        "an environment variable and write os.environ/NAME, or import with --replace-keys to "
        f"write such a name in its place.{more}"
    )


class _Search:
    def __init__(self, document: YamlDocument, replace_keys: bool) -> None:
        self.document = document
        self.replace_keys = replace_keys
        self.found: list[Path] = []
        self.warnings: list[str] = []
        self.names: dict[object, str] = {}
        """The variable for each literal; one variable for a literal that stands twice."""
        self.taken = _names_in_use(document.value)
        self.parents: list[dict[object, object]] = []

    def walk(self, value: object, path: Path, *, inherited: bool = False) -> object:
        if isinstance(value, dict):
            self.parents.append(value)
            result = {key: self._member(key, item, path, inherited) for key, item in value.items()}
            self.parents.pop()
            return result
        if isinstance(value, list):
            return self._items(value, path, inherited)
        if isinstance(value, set):
            if any(_is_literal(item, path, inherited) for item in value):
                self.found.append(path)  # a member of a set cannot refer to a variable
            return value
        return self._leaf(value, path, inherited)

    def _items(self, items: list[object], path: Path, inherited: bool) -> list[object]:
        """As arguments of a command an item may be the key to the option before it."""
        result = []
        after_option = False
        for index, item in enumerate(items):
            result.append(self.walk(item, (*path, index), inherited=inherited or after_option))
            after_option = isinstance(item, str) and _OPTION.fullmatch(item) is not None
        return result

    def _member(self, key: object, item: object, path: Path, inherited: bool) -> object:
        part = key if isinstance(key, str | int) else str(key)
        inner = (*path, part)
        if isinstance(key, str) and (_has_key_shape(key) or (inherited and _DENSE.fullmatch(key))):
            inner = (*path, "[redacted]")
            self.found.append(inner)  # a name cannot refer to a variable
        nested = isinstance(item, dict | list)
        secret = (
            isinstance(key, str)
            and (_is_secret_name(key) or (key == "value" and self._is_named_secret()))
            and not any(parent in _NAMED_BY_PEOPLE for parent in path)
        )
        if nested:
            # `api_keys: [a, b]` and `password: {value: a}` name secrets; `cache_key: {…}` not.
            strict = secret and isinstance(key, str) and _names_secrets_inside(key, item)
            return self.walk(item, inner, inherited=inherited or strict)
        return self.walk(item, inner, inherited=inherited or secret)

    def _is_named_secret(self) -> bool:
        """Whether the mapping is a pair as of `env`: `{name: X_API_KEY, value: …}`."""
        names = (self.parents[-1].get(name) for name in ("name", "key", "header"))
        return any(isinstance(name, str) and _is_secret_name(name) for name in names)

    def _leaf(self, value: object, path: Path, under_secret_name: bool) -> object:
        if isinstance(value, str) and value.startswith(ENV_REFERENCE):
            return self._reference(value, path)  # a name, or a key behind the prefix
        if not _is_literal(value, path, under_secret_name):
            return value
        return self._replace(value, path)

    def _reference(self, value: str, path: Path) -> object:
        name = value.removeprefix(ENV_REFERENCE)
        if any(_looks_pasted(part) for part in re.split(r"[\s/]+", name)):
            return self._replace(value, path)
        try:
            valid = check_env_name("name", name) is not None
        except InvalidField:
            valid = False
        if not valid:
            self.warnings.append(
                f"{self.document.where(path)}: {path_text(path)} does not name a variable after "
                "os.environ/; kept as it is."
            )
        return value

    def _replace(self, value: object, path: Path) -> object:
        unreplaceable = path[-1:] == ("model_name",) or path[-2:] == ("litellm_params", "model")
        if not self.replace_keys or unreplaceable or not path:
            self.found.append(path)
            return value
        if value not in self.names:
            self.names[value] = self._new_name(path)
        return ENV_REFERENCE + self.names[value]

    def _new_name(self, path: Path) -> str:
        wanted = self._wanted_name(path)
        if path[:1] == ("environment_variables",) and wanted == path[-1]:
            return wanted  # the section says what this variable holds: it is the same one
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def _wanted_name(self, path: Path) -> str:
        last = next((part for part in reversed(path) if isinstance(part, str)), "key")
        own = _variable(last)
        if path[:1] == ("environment_variables",) and own == last:
            return own
        if own == "MASTER_KEY":
            return "LITELLM_MASTER_KEY"
        if own not in _BARE_NAMES:
            return own
        return f"{self._owner(path)}_{own}"

    def _owner(self, path: Path) -> str:
        """Whose key it is: the provider's, the credential's, else the section's."""
        for parent in reversed(self.parents):
            model = parent.get("model")
            if isinstance(model, str) and not _has_key_shape(model):
                custom = parent.get("custom_llm_provider")
                provider = infer_provider(model, custom if isinstance(custom, str) else None)
                if provider and not _has_key_shape(provider):
                    return _variable(provider)
            for name_key in ("credential_name", "guardrail_name", "search_tool_name"):
                name = parent.get(name_key)
                if isinstance(name, str) and not _has_key_shape(name):
                    return _variable(name)
        section = path[0] if path and isinstance(path[0], str) else "LITELLM"
        return "LITELLM" if _has_key_shape(section) else _variable(section)


_BARE_NAMES: Final = _set_of(
    "API_KEY APIKEY KEY TOKEN AUTHORIZATION X_API_KEY PASSWORD SECRET API_BASE URL BASE_URL"
)


def _variable(text: str) -> str:
    name = re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")[:60]
    return name if name and not name[0].isdigit() else f"LITELLM_{name or 'SECRET'}"


def _names_in_use(document: object) -> set[str]:
    """Variables that the file refers to or sets."""
    names: set[str] = set()
    if isinstance(document, dict) and isinstance(document.get("environment_variables"), dict):
        names.update(map(str, document["environment_variables"]))
    todo = [document]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += value.values()
        elif isinstance(value, list):
            todo += value
        elif isinstance(value, str):
            names.update(_REFERENCES.findall(value))
    return names


def _words(name: str) -> list[str]:
    return _short_words(name) if len(name) <= _SHORT else _split(name)


@lru_cache(maxsize=4096)
def _short_words(name: str) -> list[str]:
    return _split(name)


def _split(name: str) -> list[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    words = [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]
    # `api_key_2` and `api_key_value` are an `api_key`.
    while len(words) > 1 and (words[-1].isdigit() or words[-1] == "value"):
        words.pop()
    return [word.rstrip("0123456789") or word for word in words] or [""]


def _is_secret_name(name: str) -> bool:
    words = _words(name)
    last = words[-1]
    if last in _NEUTRAL_WORDS or "cost" in words:
        return False
    if last in ("auth", "keys", "pass", "salt"):
        return True
    if last == "keys" and words[-2:-1] == ["api"]:
        return True
    if last in ("key", "pat"):
        return len(words) == 1 or words[-2] not in _HARMLESS_KEYS
    return last in _SECRET_WORDS or any("password" in word or "secret" in word for word in words)


def _names_secrets_inside(name: str, inside: object) -> bool:
    words = _words(name)
    if words[-1] not in ("key", "token", "auth", "pass", "salt"):
        return True
    return isinstance(inside, list) or words[-2:] == ["api", "key"]


def _is_literal(value: object, path: Path, under_secret_name: bool) -> bool:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return False
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    words = _words(last)
    if not isinstance(value, str):
        # Elsewhere a number is a count: max_token, limit_per_key.
        a_key = words[-1] == "key" and bool(_NUMBERS_TOO.intersection(words))
        return under_secret_name and (a_key or words[-1] in ("apikey", "password", "secret"))
    text = value.strip()
    if not text or (text.startswith("oidc/") and text.count("/") > 1):
        return False
    if text.startswith("${") and text.endswith("}") and _VARIABLE.fullmatch(text[2:-1]):
        return _looks_pasted(text[2:-1])
    if words[-2:] == ["api", "key"] and text.lower() in _PLACEHOLDERS:
        return False
    if _has_key_shape(text) or _HEADER.match(text):
        return True
    if any(part in _SECRET_SECTIONS for part in path) and _DENSE.fullmatch(text):
        return True
    if not under_secret_name:
        return False
    if words[-1] in _PERHAPS_SECRET and not _is_sure(words):
        return '"private_key"' in text or _DENSE.fullmatch(text) is not None
    if words[-1] == "token" and _NUMBER.fullmatch(text):
        return False
    return _WRAPPED_REFERENCE.fullmatch(text) is None


def _is_sure(words: list[str]) -> bool:
    """Whether a name that ends in a word of `_PERHAPS_SECRET` always holds a secret."""
    return (words[-1] == "key" and len(words) > 1) or words[-2:] == ["api", "keys"]


def _has_key_shape(text: str) -> bool:
    return (
        looks_like_key(text)
        or _URL_WITH_USER.search(text) is not None
        or _URL_WITH_KEY.search(text) is not None
        or _ASSIGNED.search(text) is not None
    )


def _looks_pasted(name: str) -> bool:
    """Whether a key stands where a variable's name belongs."""
    dense = "_" not in name and name.upper() != name and _DENSE.fullmatch(name) is not None
    return dense or _has_key_shape(name)
