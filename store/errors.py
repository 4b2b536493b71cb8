"""What can go wrong, as sentences for the operator. Imports nothing of ours."""

from __future__ import annotations

from enum import StrEnum


class AituiError(Exception):
    """Anything the operator should read as one sentence. `str(error)` is that sentence."""


class InvalidField(AituiError):
    """A value that breaks a rule: names the field, what is wrong, and the mend."""

    def __init__(self, field_name: str, message: str) -> None:
        super().__init__(f"{field_name}: {message}")
        self.field_name = field_name


class NotFound(AituiError):
    """No thing of that name or id."""


class Rejected(AituiError):
    """An edit that breaks rules; nothing was written. `problems` names each field."""

    def __init__(self, problems: tuple[InvalidField, ...]) -> None:
        super().__init__(" ".join(str(problem) for problem in problems))
        self.problems = problems


class InUse(AituiError):
    """A thing that others use, so that it is not removed by accident; nothing was written."""


class StaleEdit(AituiError):
    """Somebody else changed the row since it was read; nothing was written.

    `theirs` is the thing as it stands now, or None where it was removed.
    """

    def __init__(self, message: str, theirs: object | None = None) -> None:
        super().__init__(message)
        self.theirs = theirs


class ReadOnly(AituiError):
    """A write in read-only mode; nothing was written. `because` is what asked for that mode."""

    def __init__(self, because: str = "--read-only") -> None:
        super().__init__(f"read-only: nothing is changed. Start without {because} to edit.")


class StoreError(AituiError):
    """The store's file cannot be opened, read or written."""


class ImportRefused(AituiError):
    """A configuration file that is not taken over; nothing was written."""


class ConfigFileError(AituiError):
    """The proxy's file cannot be read, locked, backed up or written."""


class ReloadFailed(AituiError):
    """The proxy could not be made to load its file."""


class FailureKind(StrEnum):
    """Why a call through the proxy failed, as far apart as the operator's next step differs."""

    PROXY_DOWN = "proxy down"
    BREAKER_OPEN = "circuit breaker open"
    PROXY_KEY = "proxy key refused"
    PROXY_KEY_MISSING = "proxy key not set"
    UNKNOWN_MODEL = "unknown model"
    NOT_SERVED = "not served yet"
    WRONG_KEY = "wrong provider key"
    COOLDOWN = "cooldown"
    RATE_LIMIT = "rate limited"
    TIMEOUT = "timeout"
    CONTEXT_WINDOW = "context window exceeded"
    CONTENT_POLICY = "content policy"
    UPSTREAM = "provider error"
    BAD_ANSWER = "not a LiteLLM answer"
    OTHER_DEPLOYMENT = "another deployment answered"
    CANCELLED = "stopped"


class GatewayError(AituiError):
    """A call to the proxy that did not succeed, told in one sentence without any key."""

    def __init__(self, kind: FailureKind, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
