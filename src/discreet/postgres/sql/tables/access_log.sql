-- When a person was shown a contact's conversation, or changed or exported something of it. Rows are only
-- added, by gate.record_access; each carries the digest of the one before it.
SET ROLE discreet_schema;

CREATE TABLE discreet.access_log (
  owner_id   uuid NOT NULL,
  contact_id uuid NOT NULL,
  number     integer NOT NULL,
  did        text NOT NULL
             CHECK (did IN ('read', 'searched', 'answered', 'changed', 'exported', 'asked')),
  place      text NOT NULL CHECK (place IN ('terminal', 'dashboard', 'chat')),
  noted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  digest     text NOT NULL,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (contact_id, number, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.access_log.did IS
  'asked: the owner''s agent was asked, and read something of it';
COMMENT ON COLUMN discreet.access_log.digest IS
  'SHA-256 in hex over the digest before it, contact, number, did, place and the microseconds since 1970';
ALTER TABLE discreet.access_log
  ALTER COLUMN did SET STATISTICS 0,
  ALTER COLUMN place SET STATISTICS 0,
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.access_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.access_log FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.access_log TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.access_log TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, contact_id, number, did, place, noted_at, digest)
  ON discreet.access_log
  TO discreet_owner;
GRANT SELECT, INSERT ON discreet.access_log TO discreet_gate;
