-- The unfinished text of an answer, for whoever waits at a terminal.
SET ROLE discreet_schema;

CREATE TABLE discreet.drafts (
  turn_id    uuid NOT NULL,
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id uuid DEFAULT (gate.scope()).contact_id,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  text       text NOT NULL,
  scope_key  text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (turn_id, owner_id, agent_id, party),
  FOREIGN KEY (turn_id, owner_id, agent_id, party)
    REFERENCES discreet.turns (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
ALTER TABLE discreet.drafts
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.drafts FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.drafts TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.drafts TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.drafts TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.drafts TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER notify_waiting_clients AFTER INSERT OR UPDATE ON discreet.drafts
  FOR EACH ROW EXECUTE FUNCTION gate.notify_draft_changed();
GRANT SELECT (turn_id, owner_id, agent_id, contact_id, shared, party, text),
      INSERT (turn_id, text),
      UPDATE (text)
  ON discreet.drafts
  TO discreet_contact, discreet_shared;
GRANT SELECT (turn_id, owner_id, agent_id, contact_id, shared, party, text, scope_key, owner_key),
      INSERT (turn_id, text),
      UPDATE (text),
      DELETE
  ON discreet.drafts
  TO discreet_owner;
GRANT SELECT, DELETE ON discreet.drafts TO discreet_gate;
