-- Each apply is a revision; an import leaves one as well. A row whose outcome is 'running' is the
-- journal of an apply: it says what was begun, so that one that was cut off can be finished.
CREATE TABLE revisions (
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,                  -- apply, undo, import
  outcome TEXT NOT NULL,               -- running, served, written, undone, not undone, recorded
  actor TEXT NOT NULL,
  started_at TEXT NOT NULL,
  finished_at TEXT,
  file TEXT NOT NULL,
  audit_id BIGINT NOT NULL,            -- the newest row of the audit log that is part of it
  to_revision BIGINT,                  -- for an undo, the one that it goes back to
  audit_before BIGINT,                 -- for an undo, the audit log's newest row when it began
  changes_json TEXT NOT NULL,          -- the plan
  steps_json TEXT NOT NULL,
  reason TEXT,
  failed_step TEXT,
  outage_ms BIGINT,
  yaml TEXT,                           -- the file afterwards; NULL where it was pruned
  step TEXT,                           -- the journal: the last step that was begun
  yaml_before TEXT,                    -- the journal: the file before; NULL once it is finished
  backup TEXT,                         -- the journal: the copy beside the file
  in_place INTEGER NOT NULL DEFAULT 0, -- whether the file cannot be replaced, only overwritten
  host TEXT,
  pid BIGINT
);
CREATE INDEX revisions_outcome ON revisions (outcome);

-- The file's own text at the last import, so that an export keeps its comments and its layout.
ALTER TABLE kept_config ADD COLUMN source_text TEXT;
