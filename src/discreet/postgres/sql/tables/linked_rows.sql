-- What a link moved. key: an address as text, a session, a memory, a connection, a label that the survivor
-- got, or a channel to which the link admitted the survivor. previous_value: 'open' for an open session; the
-- topic key that a memory gave up.
SET ROLE discreet_schema;

CREATE TABLE discreet.linked_rows (
  link_id   uuid NOT NULL,
  owner_id  uuid NOT NULL,
  kind      text NOT NULL CHECK (kind IN ('address', 'session', 'memory', 'admission', 'label', 'connection')),
  key       text NOT NULL,
  previous_value text,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (link_id, kind, key, owner_id),
  FOREIGN KEY (link_id, owner_id) REFERENCES discreet.links (id, owner_id) ON DELETE CASCADE
);
ALTER TABLE discreet.linked_rows
  ALTER COLUMN key SET STATISTICS 0,
  ALTER COLUMN previous_value SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.linked_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.linked_rows FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.linked_rows TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.linked_rows TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (link_id, owner_id, kind, key, previous_value, owner_key)
  ON discreet.linked_rows
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.linked_rows TO discreet_gate;
