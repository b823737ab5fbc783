-- Who read a contact's conversation, and contacts that asked for their own erasure.
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
SET ROLE discreet_schema;
CREATE TABLE discreet.self_erasures (
  contact_id   uuid PRIMARY KEY,
  owner_id     uuid NOT NULL,
  digest       text NOT NULL,
  tries        integer NOT NULL DEFAULT 0,
  asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamptz,
  receipt      uuid NOT NULL DEFAULT gen_random_uuid(),
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.self_erasures.digest IS 'of the code';
CREATE INDEX self_erasures_due
  ON discreet.self_erasures (confirmed_at)
  WHERE confirmed_at IS NOT NULL AND owner_key IS NOT NULL;
ALTER TABLE discreet.self_erasures
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.self_erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.self_erasures FORCE ROW LEVEL SECURITY;

CREATE POLICY gate ON discreet.self_erasures TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.self_erasures TO discreet_gate;
