-- Providers, models, routes and use, with what makes changes safe: versions, an audit log,
-- the parts of LiteLLM's file that are kept untouched, and settings.
-- Times are UTC, ISO 8601. A removed thing stays, with removed_at set: its use still names it.

CREATE TABLE ai_providers (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  api_base_url TEXT,
  api_key_env TEXT,
  is_enabled INTEGER DEFAULT 1,
  health_status TEXT DEFAULT 'unknown',
  last_health_check TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  litellm_provider TEXT NOT NULL DEFAULT '',
  health_latency_ms INTEGER,
  health_reason TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  removed_at TEXT
);
CREATE UNIQUE INDEX ai_providers_name ON ai_providers (name) WHERE removed_at IS NULL;

CREATE TABLE ai_models (
  id TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL REFERENCES ai_providers(id),
  model_name TEXT NOT NULL,
  display_name TEXT NOT NULL,
  litellm_model TEXT NOT NULL,
  description TEXT,
  context_window INTEGER,
  max_tokens INTEGER,
  input_cost_per_1k REAL,
  output_cost_per_1k REAL,
  supports_vision INTEGER DEFAULT 0,
  supports_streaming INTEGER DEFAULT 1,
  supports_function_calling INTEGER DEFAULT 0,
  is_enabled INTEGER DEFAULT 1,
  priority INTEGER DEFAULT 0,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  mode TEXT NOT NULL DEFAULT 'chat',
  weight REAL,
  timeout_seconds REAL,
  position INTEGER NOT NULL DEFAULT 0,
  kept TEXT NOT NULL DEFAULT '',
  health_status TEXT NOT NULL DEFAULT 'unknown',
  last_health_check TEXT,
  health_latency_ms INTEGER,
  health_reason TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  removed_at TEXT
);
CREATE INDEX ai_models_provider ON ai_models (provider_id);

CREATE TABLE ai_routes (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT,
  routing_strategy TEXT DEFAULT 'latency-based-routing',
  primary_model_id TEXT REFERENCES ai_models(id),
  fallback_model_ids TEXT,
  context_window_fallback_ids TEXT,
  num_retries INTEGER DEFAULT 3,
  timeout_seconds INTEGER DEFAULT 120,
  is_default INTEGER DEFAULT 0,
  is_enabled INTEGER DEFAULT 1,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  version INTEGER NOT NULL DEFAULT 1,
  removed_at TEXT
);
CREATE UNIQUE INDEX ai_routes_name ON ai_routes (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX ai_routes_default ON ai_routes (is_default)
  WHERE is_default = 1 AND removed_at IS NULL;

-- Ids begin with the time, so that a range of time is a range of ids.
CREATE TABLE ai_usage_logs (
  id TEXT PRIMARY KEY,
  model_id TEXT REFERENCES ai_models(id),
  route_id TEXT REFERENCES ai_routes(id),
  request_type TEXT,
  prompt_tokens INTEGER,
  completion_tokens INTEGER,
  total_tokens INTEGER,
  estimated_cost REAL,
  latency_ms INTEGER,
  status TEXT,
  error_message TEXT,
  user_id TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE INDEX ai_usage_logs_failed ON ai_usage_logs (id) WHERE status <> 'success';

CREATE TABLE ai_usage_daily (
  date TEXT NOT NULL,
  model_id TEXT NOT NULL REFERENCES ai_models(id),
  total_requests INTEGER DEFAULT 0,
  total_tokens INTEGER DEFAULT 0,
  total_cost REAL DEFAULT 0,
  success_count INTEGER DEFAULT 0,
  error_count INTEGER DEFAULT 0,
  avg_latency_ms REAL,
  PRIMARY KEY (date, model_id)
);

-- Sums a bucket (epoch seconds of its start, UTC) and model. Money is integer nano-USD: exact.
CREATE TABLE usage_hourly (
  bucket BIGINT NOT NULL,
  model_id TEXT NOT NULL REFERENCES ai_models(id),
  requests BIGINT NOT NULL,
  successes BIGINT NOT NULL,
  tokens BIGINT NOT NULL,
  cost_nano_usd BIGINT NOT NULL,
  unpriced_requests BIGINT NOT NULL,
  latency_ms_sum BIGINT NOT NULL,
  PRIMARY KEY (bucket, model_id)
) WITHOUT ROWID;

CREATE TABLE health_checks (
  id INTEGER PRIMARY KEY,
  provider_id TEXT NOT NULL REFERENCES ai_providers(id),
  checked_at TEXT NOT NULL,
  status TEXT NOT NULL,
  latency_ms INTEGER,
  reason TEXT
);
CREATE INDEX health_checks_provider ON health_checks (provider_id, checked_at);

-- Rows of one transaction share a change_id, so that what was done at once is undone at once.
CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY,
  change_id TEXT NOT NULL,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  before_json TEXT,
  after_json TEXT
);
CREATE INDEX audit_log_entity ON audit_log (entity, entity_id);

-- The configuration file around the models, as YAML: what is not managed comes back on export.
CREATE TABLE kept_config (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  document TEXT NOT NULL,
  source TEXT NOT NULL,
  imported_at TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1
);

CREATE TABLE app_settings (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  updated_at TEXT NOT NULL
);
