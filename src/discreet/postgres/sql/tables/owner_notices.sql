-- Notices sent to the owner's chat, once for each subject. The text is in the message.
SET ROLE discreet_schema;

CREATE TABLE discreet.owner_notices (
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  kind       text NOT NULL CHECK (kind IN (
    'stranger', 'person', 'draft', 'said', 'failure', 'limit', 'undelivered', 'channel', 'call')),
  key        text NOT NULL,
  contact_id uuid,
  message_id uuid NOT NULL,
  told_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, kind, key),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.owner_notices.key IS
  'which one of its kind: the id of a request, a turn, a message, or a limit and its day';
COMMENT ON COLUMN discreet.owner_notices.message_id IS
  'the line in the owner''s session; no key, for that line may be erased';
CREATE INDEX owner_notices_message ON discreet.owner_notices (message_id);
CREATE INDEX owner_notices_contact ON discreet.owner_notices (contact_id, owner_id);
ALTER TABLE discreet.owner_notices
  ALTER COLUMN key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_notices FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owner_notices TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_notices TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, kind, key, contact_id, message_id, told_at)
  ON discreet.owner_notices
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.owner_notices TO discreet_gate;
