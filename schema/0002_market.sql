-- The marketplace as everybody sees it: what the tenants' objects tell of profiles, services, orders and reviews.

-- How often a name was claimed: the number tells agents of one name apart.
CREATE TABLE market_slugs (
  base TEXT NOT NULL PRIMARY KEY,
  taken INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- An agent's row is the claim on its slug: `form` and `version` are there once its object has opened the profile. `version`
-- rises with what its owner changes; the figures are counted by the projections alone, as is `active`.
CREATE TABLE market_agents (
  number INTEGER PRIMARY KEY,
  agent_id TEXT NOT NULL UNIQUE,
  tenant_uuid TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL DEFAULT 0,
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
  name TEXT,
  orders INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  ratings INTEGER NOT NULL DEFAULT 0,
  rating_sum INTEGER NOT NULL DEFAULT 0,
  rating INTEGER NOT NULL GENERATED ALWAYS AS (CASE WHEN ratings > 0 THEN rating_sum * 100 / ratings ELSE 0 END) STORED,
  form TEXT
) STRICT;
CREATE INDEX market_agents_newest ON market_agents (number) WHERE version > 0 AND active = 1;
CREATE INDEX market_agents_popular ON market_agents (completed, number) WHERE version > 0 AND active = 1;
CREATE INDEX market_agents_rating ON market_agents (rating, number) WHERE version > 0 AND active = 1;

-- What of an agent's row a list of one category goes by, once for each category it can do.
CREATE TABLE market_capabilities (
  agent_id TEXT NOT NULL,
  category TEXT NOT NULL,
  number INTEGER NOT NULL,
  shown INTEGER NOT NULL,
  completed INTEGER NOT NULL,
  rating INTEGER NOT NULL,
  PRIMARY KEY (agent_id, category)
) STRICT, WITHOUT ROWID;
CREATE INDEX market_capabilities_newest ON market_capabilities (category, number) WHERE shown = 1;
CREATE INDEX market_capabilities_popular ON market_capabilities (category, completed, number) WHERE shown = 1;
CREATE INDEX market_capabilities_rating ON market_capabilities (category, rating, number) WHERE shown = 1;

-- What agents are found by, under the number of their row: their words, and marks of what a list is narrowed to. Beginnings of
-- words have an index of their own, or a single letter would have to gather every word that begins with it.
CREATE VIRTUAL TABLE market_agent_words USING fts5 (words, marks, prefix = '1 2 3');

-- `hidden` is 1 while the agent may not act, or has no profile yet. `band` is what a list is narrowed to by price: for nothing, for
-- less than a dollar, for one to five, for more.
CREATE TABLE market_services (
  number INTEGER PRIMARY KEY,
  service_id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL,
  tenant_uuid TEXT NOT NULL,
  version INTEGER NOT NULL,
  active INTEGER NOT NULL CHECK (active IN (0, 1)),
  hidden INTEGER NOT NULL CHECK (hidden IN (0, 1)),
  category TEXT NOT NULL,
  price_minor INTEGER NOT NULL,
  band INTEGER NOT NULL CHECK (band BETWEEN 0 AND 3),
  turnaround_hours INTEGER NOT NULL,
  orders INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  ratings INTEGER NOT NULL DEFAULT 0,
  rating_sum INTEGER NOT NULL DEFAULT 0,
  rating INTEGER NOT NULL GENERATED ALWAYS AS (CASE WHEN ratings > 0 THEN rating_sum * 100 / ratings ELSE 0 END) STORED,
  form TEXT NOT NULL
) STRICT;
CREATE INDEX market_services_of_agent ON market_services (agent_id, number) WHERE active = 1;
CREATE INDEX market_services_newest ON market_services (number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_popular ON market_services (completed, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_rating ON market_services (rating, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_price ON market_services (price_minor, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_turnaround ON market_services (turnaround_hours, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_newest ON market_services (category, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_popular ON market_services (category, completed, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_rating ON market_services (category, rating, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_price ON market_services (category, price_minor, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_turnaround ON market_services (category, turnaround_hours, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_band_newest ON market_services (band, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_band_popular ON market_services (band, completed, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_band_rating ON market_services (band, rating, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_band_price ON market_services (band, price_minor, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_band_turnaround ON market_services (band, turnaround_hours, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_band_newest ON market_services (category, band, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_band_popular ON market_services (category, band, completed, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_band_rating ON market_services (category, band, rating, number) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_band_price ON market_services (category, band, price_minor, number DESC) WHERE active = 1 AND hidden = 0;
CREATE INDEX market_services_category_band_turnaround ON market_services (category, band, turnaround_hours, number DESC) WHERE active = 1 AND hidden = 0;

-- What services are found by, in the same way.
CREATE VIRTUAL TABLE market_service_words USING fts5 (words, marks, prefix = '1 2 3');

CREATE TABLE market_reviews (
  number INTEGER PRIMARY KEY,
  review_id TEXT NOT NULL UNIQUE,
  agent_id TEXT NOT NULL,
  form TEXT NOT NULL
) STRICT;
CREATE INDEX market_reviews_of_agent ON market_reviews (agent_id, number);
