-- Graphs of entities, observations and relations, one per user and context; charts are read from them.

CREATE TABLE entity (
  id           TEXT PRIMARY KEY,
  user         INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  context      TEXT NOT NULL,
  position     INTEGER NOT NULL,   -- the place of its line in the context's file
  name         TEXT NOT NULL,
  type         TEXT NOT NULL,
  metadata     TEXT NOT NULL,
  shape        TEXT,               -- its line without what the other columns hold, where it is not written the usual way
  -- What the metadata says, so that charts are found, ordered and filtered by it.
  chart        TEXT,
  parent_chart TEXT,
  parent_step  TEXT,
  due_at       INTEGER,
  phase        TEXT,
  completed    INTEGER NOT NULL,
  archived     INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A name is there once in a graph, and so is a relation. The one writer sees to that and no unique index, because the lines
-- that follow lost ones must still apply.
CREATE INDEX entity_by_name ON entity (user, context, name);
CREATE INDEX entity_by_position ON entity (user, context, position);
CREATE INDEX entity_by_chart ON entity (user, context, chart, type) WHERE chart IS NOT NULL;
CREATE INDEX entity_by_parent_chart ON entity (user, context, parent_chart) WHERE parent_chart IS NOT NULL;
CREATE INDEX entity_by_parent_step ON entity (user, context, parent_step) WHERE parent_step IS NOT NULL;
CREATE INDEX chart_by_due_date ON entity (user, coalesce(due_at, 9223372036854775807), id)
  WHERE type = 'structural_tension_chart';
CREATE INDEX chart_by_update ON entity (user, updated_at, id) WHERE type = 'structural_tension_chart';

CREATE TABLE observation (
  entity TEXT NOT NULL REFERENCES entity ON DELETE CASCADE,
  seq    INTEGER NOT NULL,
  text   TEXT NOT NULL,
  PRIMARY KEY (entity, seq)
) STRICT, WITHOUT ROWID;

-- The ends are names: a relation is kept when an end is not there (yet).
CREATE TABLE relation (
  id         TEXT PRIMARY KEY,
  user       INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  context    TEXT NOT NULL,
  position   INTEGER NOT NULL,
  source     TEXT NOT NULL,
  target     TEXT NOT NULL,
  type       TEXT NOT NULL,
  metadata   TEXT NOT NULL,
  shape      TEXT,
  version    INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX relation_by_source ON relation (user, context, source, type, target);
CREATE INDEX relation_by_target ON relation (user, context, target, type, source);
CREATE INDEX relation_by_position ON relation (user, context, position);

-- Lines of a loaded file that are neither an entity nor a relation, as they were.
CREATE TABLE chart_line (
  id       TEXT PRIMARY KEY,
  user     INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  context  TEXT NOT NULL,
  position INTEGER NOT NULL,
  text     TEXT NOT NULL,
  problem  TEXT                    -- why it was set aside; null for a comment or a line of another type
) STRICT, WITHOUT ROWID;

CREATE INDEX chart_line_by_position ON chart_line (user, context, position);

-- What moved when, in which chart. A chart's events outlive it.
CREATE TABLE chart_event (
  user    INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
  seq     INTEGER NOT NULL,
  context TEXT NOT NULL,
  chart   TEXT NOT NULL,
  kind    TEXT NOT NULL,
  entity  TEXT,
  detail  TEXT,
  at      INTEGER NOT NULL,
  PRIMARY KEY (user, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX chart_event_by_time ON chart_event (user, at, seq);
CREATE INDEX chart_event_by_context ON chart_event (user, context, at, seq);
CREATE INDEX chart_event_by_chart ON chart_event (user, chart, at, seq);

-- Agent work and charts come into the search index, with the construct that each text belongs to. It is built anew: from here
-- on it holds sources that it did not know, and without them nothing kept it up.
INSERT INTO search_text (search_text) VALUES ('delete-all');
-- The index's own pages are a little smaller than the database's, which keep eight bytes for a checksum: larger ones would take two each.
INSERT INTO search_text (search_text, rank) VALUES ('pgsz', 4040);
DELETE FROM search_doc;
ALTER TABLE search_doc ADD COLUMN construct TEXT;
UPDATE search_state SET generation = generation + 1, source = CASE WHEN EXISTS (SELECT 1 FROM user) THEN 0 END, after = '';
