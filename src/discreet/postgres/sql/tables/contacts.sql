-- A person or a group that writes to an agent, or that the owner has entered.
SET ROLE discreet_schema;

CREATE TABLE discreet.contacts (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id      uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  type          text NOT NULL DEFAULT 'external' CHECK (type IN ('external', 'group', 'personal')),
  name          text NOT NULL DEFAULT '',
  aliases       text[] NOT NULL DEFAULT '{}',
  note          text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(id))) STORED,
  blocked_at    timestamptz,
  taken_over_at timestamptz,
  merged_into   uuid,
  time_zone     text NOT NULL DEFAULT '' CHECK (length(time_zone) <= 64),
  holds_answers boolean,
  on_hold_at    timestamptz,
  stopped_at    timestamptz,
  decoy         boolean NOT NULL DEFAULT false,
  UNIQUE (id, owner_id),
  CHECK (merged_into <> id),
  FOREIGN KEY (merged_into, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.contacts.blocked_at IS
  'blocked since then: its messages are refused';
COMMENT ON COLUMN discreet.contacts.taken_over_at IS
  'taken over since then: the owner answers in person, and the agent is silent';
COMMENT ON COLUMN discreet.contacts.merged_into IS
  'the contact that has its addresses and rows, because both are one person';
COMMENT ON COLUMN discreet.contacts.time_zone IS
  'IANA name of the time zone it said it is in; empty: unknown';
COMMENT ON COLUMN discreet.contacts.holds_answers IS
  'whether answers to it wait for the owner''s approval; null: as the agent says';
COMMENT ON COLUMN discreet.contacts.on_hold_at IS
  'on hold since then: neither retention nor an erasure deletes anything of it';
COMMENT ON COLUMN discreet.contacts.stopped_at IS
  'it wrote STOP then: it gets nothing that the owner starts';
COMMENT ON COLUMN discreet.contacts.decoy IS
  'nobody writes as it, and its memories hold random secrets; the owner isn''t shown it';
CREATE INDEX contacts_owner ON discreet.contacts (owner_id, created_at) WHERE owner_key IS NOT NULL;
CREATE INDEX contacts_merged
  ON discreet.contacts (merged_into) WHERE merged_into IS NOT NULL AND owner_key IS NOT NULL;
CREATE INDEX contacts_blocked
  ON discreet.contacts (owner_id, blocked_at)
  WHERE blocked_at IS NOT NULL AND owner_key IS NOT NULL;
CREATE INDEX contacts_taken_over
  ON discreet.contacts (owner_id, taken_over_at)
  WHERE taken_over_at IS NOT NULL AND owner_key IS NOT NULL;
ALTER TABLE discreet.contacts
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN aliases SET STATISTICS 0,
  ALTER COLUMN note SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN time_zone SET STATISTICS 0;
ALTER TABLE discreet.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.contacts FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.contacts TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.party FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.contacts TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s) AND NOT decoy)
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Its functions count, link, erase and find people; decoys are none.
CREATE POLICY gate ON discreet.contacts TO discreet_gate
  USING (owner_key IS NOT NULL AND NOT decoy)
  WITH CHECK (owner_key IS NOT NULL);
CREATE TRIGGER notify_access_changed AFTER UPDATE OF blocked_at, merged_into ON discreet.contacts
  FOR EACH ROW WHEN ((NEW.blocked_at IS DISTINCT FROM OLD.blocked_at) OR (NEW.merged_into IS DISTINCT FROM OLD.merged_into))
  EXECUTE FUNCTION gate.notify_access_changed();
CREATE TRIGGER notify_erasure AFTER DELETE ON discreet.contacts FOR EACH STATEMENT
  EXECUTE FUNCTION gate.notify_access_changed();
CREATE TRIGGER record_contact AFTER UPDATE OF taken_over_at, blocked_at ON discreet.contacts
  FOR EACH ROW EXECUTE FUNCTION gate.record_contact();
GRANT SELECT (id, owner_id, type, name, created_at, time_zone) ON discreet.contacts TO discreet_contact;
GRANT SELECT (xmin, id, owner_id, type, name, aliases, note, created_at, owner_key, scope_key,
              blocked_at, taken_over_at, merged_into, time_zone, holds_answers,
              on_hold_at, stopped_at, decoy),
      UPDATE (name, aliases, note, blocked_at, taken_over_at, holds_answers, on_hold_at)
  ON discreet.contacts
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.contacts TO discreet_gate;
