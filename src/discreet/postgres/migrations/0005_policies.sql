-- Who sees what. One policy for each role, TO that role: a policy that says "mine, or I am the owner"
-- turns a contact's index lookup into a scan of everybody. The subselect form is evaluated once a
-- statement and keeps the btree on (owner_id, agent_id, contact_id).
SET ROLE discreet_schema;

-- The tables in which every row belongs to one scope.
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['sessions', 'routes', 'turns', 'messages', 'outbox', 'drafts',
                           'memories', 'memory_history'] LOOP
    EXECUTE format($f$
      ALTER TABLE discreet.%1$I ENABLE ROW LEVEL SECURITY;
      ALTER TABLE discreet.%1$I FORCE ROW LEVEL SECURITY;
      CREATE POLICY contact ON discreet.%1$I TO discreet_contact USING (
        (owner_id, agent_id, contact_id)
          = (SELECT s.owner_id, s.agent_id, s.contact_id FROM gate.scope() s));
      CREATE POLICY shared ON discreet.%1$I TO discreet_shared USING (
        shared AND contact_id IS NULL
        AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
      CREATE POLICY owner ON discreet.%1$I TO discreet_owner USING (
        owner_id = (SELECT s.owner_id FROM gate.scope() s));
    $f$, t);
    IF t <> 'drafts' THEN
      EXECUTE format('CREATE POLICY gate ON discreet.%I TO discreet_gate USING (true)', t);
    END IF;
  END LOOP;
END $$;

ALTER TABLE discreet.owners ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owners FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.owners TO discreet_owner USING (
  id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owners TO discreet_gate USING (true);

ALTER TABLE discreet.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.agents FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.agents FOR SELECT TO discreet_contact USING (
  (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.agents FOR SELECT TO discreet_shared USING (
  (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.agents TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.agents TO discreet_gate USING (true);

ALTER TABLE discreet.passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.passages FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.passages FOR SELECT TO discreet_contact USING (
  (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.passages FOR SELECT TO discreet_shared USING (
  (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.passages TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));

-- A contact sees itself; whoever shares an agent sees nobody's address book.
ALTER TABLE discreet.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.contacts FOR SELECT TO discreet_contact USING (
  (owner_id, id) = (SELECT s.owner_id, s.contact_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.contacts TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.contacts TO discreet_gate USING (true);

ALTER TABLE discreet.addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.addresses FORCE ROW LEVEL SECURITY;
CREATE POLICY contact ON discreet.addresses FOR SELECT TO discreet_contact USING (
  (owner_id, contact_id) = (SELECT s.owner_id, s.contact_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.addresses TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.addresses TO discreet_gate USING (true);

ALTER TABLE discreet.channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channels FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.channels TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.channels TO discreet_gate USING (true);

ALTER TABLE discreet.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.quarantine FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.quarantine TO discreet_owner USING (
  owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.quarantine TO discreet_gate USING (true);

-- Rights. Ids and the columns that name a scope can't be written in a scope: they come from the
-- ticket. What is not listed here is not allowed; intake and worker have no right on any table.
GRANT SELECT (id, name, role, instructions, model, memory_model) ON discreet.agents
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, type, name, created_at) ON discreet.contacts TO discreet_contact;
GRANT SELECT ON discreet.addresses TO discreet_contact;
GRANT SELECT ON discreet.sessions, discreet.routes, discreet.turns, discreet.messages,
                discreet.outbox, discreet.drafts, discreet.memories, discreet.memory_history,
                discreet.passages
  TO discreet_contact, discreet_shared, discreet_owner;

GRANT UPDATE (last_position, last_message_at, current_turn, ended_at) ON discreet.sessions
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (session_id, route_id, attempt, model),
      UPDATE (state, model, prompt, steps, usage, error, finished_at)
  ON discreet.turns TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (session_id, route_id, position, direction, state, text, reply_to, turn_id,
              terms, embedder, embedding),
      UPDATE (state, turn_id, attempts, not_before, terms, embedder, embedding)
  ON discreet.messages TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (message_id, session_id, route_id),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at)
  ON discreet.outbox TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (turn_id, text), UPDATE (text), DELETE ON discreet.drafts
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, embedder, embedding, turn_id, version, updated_at),
      DELETE
  ON discreet.memories TO discreet_contact, discreet_shared;

GRANT SELECT ON discreet.owners TO discreet_owner;
GRANT SELECT, INSERT (name, role, instructions, model, memory_model),
      UPDATE (name, role, instructions, model, memory_model, updated_at)
  ON discreet.agents TO discreet_owner;
GRANT SELECT, UPDATE (name, aliases, note) ON discreet.contacts TO discreet_owner;
GRANT SELECT ON discreet.addresses TO discreet_owner;
GRANT SELECT, INSERT (agent_id, platform, account) ON discreet.channels TO discreet_owner;
GRANT INSERT (agent_id, content, summary, topic_key, topics, salience, source, metadata,
              expires_at, terms, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, embedder, embedding, turn_id, version, updated_at),
      DELETE
  ON discreet.memories TO discreet_owner;
GRANT INSERT (agent_id, title, position, content, terms, embedder, embedding),
      UPDATE (terms, embedder, embedding), DELETE
  ON discreet.passages TO discreet_owner;
GRANT SELECT ON discreet.quarantine TO discreet_owner;

-- The functions of the gate say in their own text whose rows they touch.
GRANT SELECT, INSERT ON discreet.owners TO discreet_gate;
GRANT SELECT ON discreet.agents TO discreet_gate;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.contacts, discreet.addresses TO discreet_gate;
GRANT SELECT, INSERT ON discreet.channels, discreet.routes, discreet.memory_history TO discreet_gate;
GRANT SELECT, INSERT, UPDATE ON discreet.sessions, discreet.messages, discreet.quarantine,
                                discreet.memories TO discreet_gate;
GRANT SELECT ON discreet.outbox, discreet.turns TO discreet_gate;
RESET ROLE;
