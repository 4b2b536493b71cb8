"""A plan, an apply and how it ended in words: the same ones for the console and the commands.

Pure functions of plain text. Cleaning and cutting to a width is for whoever shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal

from store.plans import (
    ApplyReport,
    Change,
    ChangeKind,
    FieldDiff,
    Outcome,
    Plan,
    PlanValue,
    Revision,
    StepName,
    StepState,
    Subject,
)
from tui import format as fmt
from tui.text import clean

SIGNS = {ChangeKind.CREATE: "+", ChangeKind.CHANGE: "~", ChangeKind.DELETE: "-"}
ARROW = "→"
NOT_SET = "(not set)"
DRIFT = "drift"
MAX_ITEMS = 6
"""Items of a list in a line."""
STEP_SIGNS = {
    StepState.RUNNING: "▸",
    StepState.DONE: "✓",
    StepState.FAILED: "✗",
    StepState.SKIPPED: "–",
}
STEP_WORDS = {
    StepName.CHECK: "Check",
    StepName.BACKUP: "Keep the old file",
    StepName.WRITE: "Write the file",
    StepName.RELOAD: "Reload the proxy",
    StepName.VERIFY: "Read back",
    StepName.SMOKE: "Test requests",
    StepName.RESTORE: "Put the old back",
    StepName.RELOAD_BACK: "Reload again",
    StepName.VERIFY_BACK: "Read back again",
}
STEP_CELLS = max(map(len, STEP_WORDS.values())) + 1
TIME_CELLS = 7
OUTCOME_WORDS = {
    Outcome.RUNNING: "cut off",
    Outcome.SERVED: "served",
    Outcome.WRITTEN: "written",
    Outcome.UNDONE: "undone",
    Outcome.NOT_UNDONE: "NOT undone",
    Outcome.RECORDED: "recorded",
}
IS_BACK = "The old configuration is back: the proxy was read back and serves it."
AS_BEFORE = "Nothing was written: the file and the proxy are as before."
UNREAD = "The old file is back. The proxy could not be read, before or after."
ONLY_FILE_COMPARED = "So this plan compares with the file alone."
STORE_GOES_BACK = "The store goes back as well:"
STORE_ONLY = (
    "Nothing to apply: only the store differs from that revision, not the proxy. The history"
    " lists the store's changes and takes them back."
)
_PER_1K_FROM = Decimal("0.01")
"""Below this many USD per 1K tokens a price is read more easily per 1M."""
_NOUNS = {
    Subject.MODEL: ("model", "models"),
    Subject.ROUTER: ("set of router settings", "sets of router settings"),
    Subject.FALLBACKS: ("fallback chain", "fallback chains"),
    Subject.CONTEXT_FALLBACKS: ("context window fallback chain", "context window fallback chains"),
    Subject.ALIAS: ("alias", "aliases"),
}

# --- plans and changes -------------------------------------------------------------------------


def counts(thing: Plan | Revision) -> str:
    """`+1 ~2 -1`; what there is none of is left out."""
    if isinstance(thing, Revision):
        numbers = [thing.created, thing.changed, thing.deleted]
    else:
        numbers = [thing.count(kind) for kind in SIGNS]
    return " ".join(f"{sign}{n}" for sign, n in zip(SIGNS.values(), numbers, strict=True) if n)


def counted(plan: Plan) -> str:
    """`1 to create, 2 to change, 1 to delete`, and how many of them drifted."""
    drifted = f" Drift: {plan.drifted} of them." if plan.drifted else ""
    return ", ".join(f"{plan.count(kind)} to {kind}" for kind in ChangeKind) + f".{drifted}"


def unknown(plan: Plan) -> str | None:
    """Why an empty plan does not mean that nothing differs; None where it does."""
    if plan.changes:
        return None
    if plan.blockers and not plan.yaml:
        return "What differs cannot be told: there is no file as the store would have it."
    if plan.live_error is not None and plan.file is None:
        return "What differs cannot be told: neither the proxy nor its file could be read."
    return None


def nothing_differs(plan: Plan) -> str:
    """What an empty plan stands for; no more is claimed than was compared."""
    wanted = "the store" if plan.to_revision is None else f"revision {plan.to_revision}"
    if (why := unknown(plan)) is not None:
        return why
    if plan.live_error is not None:
        return f"The file says what {wanted} says. What the proxy serves is not known."
    return f"In step: the proxy serves what {wanted} says."


def unread(plan: Plan) -> tuple[str, ...]:
    """That the proxy could not be read, and what the plan is worth then; nothing where it was."""
    if plan.live_error is None:
        return ()
    says = f"The proxy could not be read: {sentence(plan.live_error)}"
    return (says,) if plan.file is None else (says, ONLY_FILE_COMPARED)


def sides_seen(plan: Plan) -> bool:
    """Whether file and proxy were both compared, so that one of them can differ alone."""
    return plan.file is not None and plan.live_error is None


def change_name(change: Change, *, with_key: bool = False) -> str:
    """`model gpt-4.1`; with its key where others have the same name."""
    # The router's settings are one thing and need no name of their own.
    named = change.name and change.subject is not Subject.ROUTER
    name = f" {change.name}" if named else ""
    return f"{change.subject}{name}" + (f" ({change.key})" if with_key else "")


def where(field: FieldDiff, *, sides: bool = True) -> str:
    """`only in the file`, `only in the proxy`, or nothing where both differ or one is unseen."""
    if sides and field.in_file and field.in_live is False:
        return "only in the file"
    if sides and field.in_live and not field.in_file:
        return "only in the proxy"
    return ""


def things(changes: Iterable[Change]) -> str:
    """How many of what: `2 models and 1 alias`."""
    numbers = Counter(change.subject for change in changes)
    parts = [
        f"{numbers[subject]} {_NOUNS[subject][numbers[subject] != 1]}"
        for subject in Subject
        if numbers[subject]
    ]
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


# --- values ------------------------------------------------------------------------------------


def sides_of(field: FieldDiff, kind: ChangeKind) -> tuple[PlanValue, ...]:
    """What the field was and shall be; of what comes or goes only the one side there is."""
    if kind is ChangeKind.CHANGE and field.old != field.new:
        return (field.old, field.new)
    return (field.old if kind is ChangeKind.DELETE else field.new,)


def value_words(value: PlanValue, *, limit: int) -> str:
    """A value as LiteLLM's file would write it, on one line; never an exponent in a number."""
    if value is None:
        return NOT_SET
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _plain(value)
    if isinstance(value, tuple):
        return f"[{_items(value, limit)}]"
    return clean(value, limit=limit, one_line=True) or '""'


def price_words(field: FieldDiff, kind: ChangeKind) -> str:
    """A price per token in USD per 1K or 1M: `$10 → $20 per 1M tokens`; else nothing."""
    if not ("per_token" in field.name or field.name.endswith("token_cost")):
        return ""
    numbers = [_per_1k(value) for value in sides_of(field, kind)]
    known = [number for number in numbers if number is not None]
    if not known:
        return ""
    per_1k = all(number == 0 or number >= _PER_1K_FROM for number in known)
    shown = (fmt.price(number if number is None or per_1k else number * 1000) for number in numbers)
    return f"{f' {ARROW} '.join(shown)} per {'1K' if per_1k else '1M'} tokens"


def list_words(old: Sequence[str], new: Sequence[str], *, limit: int) -> str:
    """Two long lists: what one has and the other has not."""
    gone = [item for item in old if item not in new]
    come = [item for item in new if item not in old]
    parts = [f"without {_items(gone, limit)}"] if gone else []
    if come:
        parts.append(f"with {_items(come, limit)}")
    if not parts:
        parts.append("in another order")
    return f"{len(old)} {ARROW} {len(new)} items: {'; '.join(parts)}"


def _items(values: Sequence[str], limit: int) -> str:
    more = len(values) - MAX_ITEMS
    shown = ", ".join(clean(item, limit=limit, one_line=True) for item in values[:MAX_ITEMS])
    return f"{shown}, … and {more} more" if more > 0 else shown


def _plain(value: float) -> str:
    """A number without an exponent: `0.00001`, `30`."""
    number = Decimal(str(value))
    if not number.is_finite():
        return str(value)
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _per_1k(value: PlanValue) -> Decimal | None:
    if value is None or isinstance(value, bool | tuple):
        return None
    try:
        number = Decimal(str(value)) * 1000
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


# --- how it ended ------------------------------------------------------------------------------


def ending(report: ApplyReport) -> str:
    """How it ended and what to do now, in sentences; but for the list of what still differs."""
    number = f"Revision {report.revision}"
    outage = ""
    if report.outage_ms:
        outage = f" The proxy did not answer for {fmt.latency(report.outage_ms)}."
    why = f" {sentence(report.reason)}" if report.reason else ""
    failed = f" {failed_words(report)}".rstrip()
    match report.outcome:
        case Outcome.SERVED | Outcome.RECORDED:
            return f"{number} is served: the proxy was read back and serves it.{why}{outage}"
        case Outcome.WRITTEN:
            return (
                f"{number} is written. The proxy has not loaded it yet: restart or reload the "
                f"proxy; a new plan then says whether it serves it.{why}{outage}"
            )
        case Outcome.UNDONE:
            left = _left_behind(report)
            return f"{number} is undone.{failed} {left}{outage}"
        case Outcome.NOT_UNDONE:
            left = (
                "What was before does not serve again. What still differs is listed."
                if report.still_different
                else "It could not be proved that what was before serves again: look at the proxy, "
                "then make a new plan."
            )
            return f"{number} is NOT undone.{failed} {left}{outage}"
        case Outcome.RUNNING:
            return (
                f"{number} was cut off: nothing says how it ended.{why} The next apply finishes "
                "or undoes it first."
            )


def _left_behind(report: ApplyReport) -> str:
    """What an undone apply left behind; no more is claimed than was proved."""
    names = {step.name for step in report.steps}
    if not names & {StepName.WRITE, StepName.RELOAD, StepName.RESTORE}:
        return AS_BEFORE
    proved = {step.name for step in report.steps if step.state is StepState.DONE}
    return IS_BACK if StepName.VERIFY_BACK in proved else UNREAD


def outcome_words(revision: Revision, cut_off: int | None) -> str:
    """A revision's outcome in a word or two. `cut_off`: the one whose end nobody knows."""
    if revision.outcome is Outcome.RUNNING and revision.number != cut_off:
        return "under way"
    return OUTCOME_WORDS[revision.outcome]


def failed_words(thing: ApplyReport | Revision) -> str:
    """Which step failed, and why: `Read back failed: 1 of 4 workers disagrees.`"""
    why = sentence(thing.reason) if thing.reason else ""
    step = f"{STEP_WORDS[thing.failed_step]} failed:" if thing.failed_step else ""
    return f"{step} {why}" if step else why[:1].upper() + why[1:]


def sentence(text: str) -> str:
    """With its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
