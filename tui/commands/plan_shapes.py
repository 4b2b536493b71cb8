"""The JSON shapes of plans, applies and revisions: camelCase, times ISO 8601 in UTC, ms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from store.plans import ChangeKind
from store.times import to_text
from tui.plan_words import unknown

if TYPE_CHECKING:
    from store.plans import ApplyReport, Change, FieldDiff, Plan, PlanValue, Revision, Step
    from tui.commands.shapes import Json


def plan_json(plan: Plan) -> Json:
    """The plan, without the texts of the file before and after."""
    return {
        "inStep": plan.is_empty and plan.live_error is None and unknown(plan) is None,
        "summary": {
            **{kind.value: plan.count(kind) for kind in ChangeKind},
            "drift": plan.drifted,
        },
        "changes": [change_json(change) for change in plan.changes],
        "notes": list(plan.notes),
        "blockers": list(plan.blockers),
        "madeAt": to_text(plan.made_at),
        "file": plan.file,
        "liveError": plan.live_error,
        "reload": plan.reload,
        "fingerprint": plan.fingerprint,
        "toRevision": plan.to_revision,
    }


def change_json(change: Change) -> Json:
    return {
        "id": change.id,
        "kind": change.kind.value,
        "subject": change.subject.value,
        "key": change.key,
        "name": change.name,
        "drift": change.drift,
        "inFile": change.in_file,
        "inLive": change.in_live,
        "fields": [_field_json(field) for field in change.fields],
    }


def _field_json(field: FieldDiff) -> Json:
    return {
        "name": field.name,
        "old": _value(field.old),
        "new": _value(field.new),
        "inFile": field.in_file,
        "inLive": field.in_live,
        "drift": field.drift,
    }


def _value(value: PlanValue) -> object:
    """YAML has infinities and NaN, JSON has not: they become text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def step_json(step: Step) -> Json:
    return {
        "name": step.name.value,
        "state": step.state.value,
        "detail": step.detail,
        "tookMs": step.took_ms,
    }


def report_json(report: ApplyReport) -> Json:
    return {
        "revision": report.revision,
        "outcome": report.outcome.value,
        "success": report.success,
        "steps": [step_json(step) for step in report.steps],
        "tookMs": report.took_ms,
        "failedStep": report.failed_step.value if report.failed_step else None,
        "reason": report.reason,
        "stillDifferent": [change_json(change) for change in report.still_different],
        "outageMs": report.outage_ms,
    }


def revision_json(revision: Revision) -> Json:
    return {
        "number": revision.number,
        "kind": revision.kind.value,
        "outcome": revision.outcome.value,
        "actor": revision.actor,
        "startedAt": to_text(revision.started_at),
        "finishedAt": to_text(revision.finished_at) if revision.finished_at else None,
        "file": revision.file,
        "summary": {
            "create": revision.created,
            "change": revision.changed,
            "delete": revision.deleted,
        },
        "toRevision": revision.to_revision,
        "failedStep": revision.failed_step.value if revision.failed_step else None,
        "reason": revision.reason,
        "outageMs": revision.outage_ms,
        "changes": [change_json(change) for change in revision.changes],
        "steps": [step_json(step) for step in revision.steps],
    }
