-- LiteLLM's price map, as the gateway told it last. Replaced as a whole; nothing points at it.
-- Prices are USD per 1,000 tokens, decimal text: exact where a REAL would round the 17th digit.

CREATE TABLE price_catalog (
  litellm_model TEXT PRIMARY KEY,
  folded TEXT NOT NULL,                -- litellm_model without regard to case
  words TEXT NOT NULL,                 -- ' openai gpt 4o mini': provider and name, for completion
  provider TEXT NOT NULL,
  mode TEXT NOT NULL,
  context_window BIGINT,
  max_tokens BIGINT,
  input_cost_per_1k TEXT,
  output_cost_per_1k TEXT,
  supports_vision INTEGER NOT NULL,
  supports_function_calling INTEGER NOT NULL,
  supports_streaming INTEGER           -- NULL: the map does not say
);
CREATE INDEX price_catalog_folded ON price_catalog (folded);

CREATE TABLE price_catalog_info (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  entries INTEGER NOT NULL,
  fetched_at TEXT NOT NULL,
  source TEXT NOT NULL
);
