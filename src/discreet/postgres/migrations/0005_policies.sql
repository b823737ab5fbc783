-- Who sees what. One policy for each role, TO that role: a policy that says "mine, or I am the owner"
-- turns a contact's index lookup into a scan of everybody.
SET ROLE discreet_schema;

-- Lets a role see, in a table, the rows whose `columns` are what its scope has as `scopes`.
--
-- PostgreSQL evaluates cheap leakproof conditions of a statement before a policy, on everybody's rows:
-- IS NULL, a boolean column and CASE cost nothing, `x > ANY ('{a}')` half a comparison. Such a condition
-- can hold a subselect that fails, and then failing or not tells whether some row got that far. So the
-- policy's first test costs nothing either, and stands first: a key of the row, looked up among the
-- scope's keys. The comparison after it is for the indexes: what they serve is bounded by the scope.
--
-- What a sender's statement asks of an index is asked of everybody's entries, unless all that the policy
-- compares is in the index too. So an index holds owner, agent and party (or contact); or it is one `WHERE
-- owner_key IS NOT NULL`, which is always true, but PostgreSQL uses such an index only for who may name
-- that column: the owner and the gate, whose policies say it.
CREATE PROCEDURE discreet.let_see(of_table text, who text, columns text[], scopes text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  relation regclass := 'discreet.' || of_table;
  key      text := CASE WHEN who = 'owner' THEN 'owner_key' ELSE 'scope_key' END;
  ids      text;
  compared text;
  nobody   text := '';
BEGIN
  -- A generated column can't refer to another one, so `party` is written out.
  SELECT string_agg(format('uuid_send(%s)', coalesce(pg_get_expr(d.adbin, d.adrelid), a.attname)),
                    ' || ' ORDER BY array_position(columns, a.attname::text))
    INTO ids
    FROM pg_attribute a
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = 's'
   WHERE a.attrelid = relation AND a.attname = ANY (columns);
  EXECUTE format('ALTER TABLE %s ADD COLUMN IF NOT EXISTS %I text GENERATED ALWAYS AS '
                 '(gate.key_of(%s)) STORED', relation, key, ids);
  IF 'party' = ANY (columns) AND who = 'contact' THEN
    columns := columns || 'contact_id'::text;
    scopes := scopes || 'contact_id'::text;
  ELSIF 'party' = ANY (columns) AND who = 'shared' THEN
    nobody := 'contact_id IS NULL AND ';
  END IF;
  IF who = 'owner' THEN
    nobody := 'owner_key IS NOT NULL AND ';
  END IF;
  compared := format('%s(%s) = (SELECT %s FROM gate.scope() s)', nobody,
                     array_to_string(columns, ', '), 's.' || array_to_string(scopes, ', s.'));
  EXECUTE format(
    'CREATE POLICY %I ON %s TO %I USING ((SELECT gate.keys())[%I] IS NOT NULL AND %s) WITH CHECK (%s)',
    who, relation, 'discreet_' || who, key, compared, compared);
END $$;
REVOKE ALL ON PROCEDURE discreet.let_see(text, text, text[], text[]) FROM PUBLIC;

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
    $f$, t);
    CALL discreet.let_see(t, 'contact', '{owner_id,agent_id,party}', '{owner_id,agent_id,party}');
    CALL discreet.let_see(t, 'shared', '{owner_id,agent_id,party}', '{owner_id,agent_id,party}');
    CALL discreet.let_see(t, 'owner', '{owner_id}', '{owner_id}');
    IF t <> 'drafts' THEN
      EXECUTE format('CREATE POLICY gate ON discreet.%I TO discreet_gate USING (true)', t);
    END IF;
  END LOOP;
END $$;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['agents', 'passages', 'contacts', 'addresses', 'channels', 'quarantine',
                           'owners'] LOOP
    EXECUTE format($f$
      ALTER TABLE discreet.%1$I ENABLE ROW LEVEL SECURITY;
      ALTER TABLE discreet.%1$I FORCE ROW LEVEL SECURITY;
    $f$, t);
    IF t <> 'passages' THEN
      EXECUTE format('CREATE POLICY gate ON discreet.%I TO discreet_gate USING (true)', t);
    END IF;
    IF t <> 'owners' THEN
      CALL discreet.let_see(t, 'owner', '{owner_id}', '{owner_id}');
    END IF;
  END LOOP;
END $$;
CALL discreet.let_see('owners', 'owner', '{id}', '{owner_id}');
CALL discreet.let_see('agents', 'contact', '{owner_id,id}', '{owner_id,agent_id}');
CALL discreet.let_see('agents', 'shared', '{owner_id,id}', '{owner_id,agent_id}');
CALL discreet.let_see('passages', 'contact', '{owner_id,agent_id}', '{owner_id,agent_id}');
CALL discreet.let_see('passages', 'shared', '{owner_id,agent_id}', '{owner_id,agent_id}');
-- A contact sees itself; whoever shares an agent sees nobody's address book.
CALL discreet.let_see('contacts', 'contact', '{owner_id,id}', '{owner_id,party}');
CALL discreet.let_see('addresses', 'contact', '{owner_id,contact_id}', '{owner_id,party}');

-- Indexes that no sender's statement uses.
CREATE UNIQUE INDEX agents_name ON discreet.agents (owner_id, name) WHERE owner_key IS NOT NULL;
CREATE INDEX contacts_owner ON discreet.contacts (owner_id, created_at) WHERE owner_key IS NOT NULL;
CREATE UNIQUE INDEX addresses_once ON discreet.addresses (owner_id, platform, platform_id)
  WHERE owner_key IS NOT NULL;
CREATE INDEX turns_failed ON discreet.turns (owner_id, started_at)
  WHERE state IN ('failed', 'given_up', 'running', 'lost') AND owner_key IS NOT NULL;
-- A repeated delivery by the platform changes nothing.
CREATE UNIQUE INDEX messages_once ON discreet.messages (channel_id, chat_id, platform_message_id, owner_id)
  WHERE direction = 'in' AND owner_key IS NOT NULL;
-- What is still to be embedded, for the owner's scope, in which the server catches up on it.
CREATE INDEX memories_unindexed ON discreet.memories (owner_id, created_at, id)
  WHERE embedder IS NULL AND owner_key IS NOT NULL;
CREATE INDEX outbox_undelivered ON discreet.outbox (owner_id, created_at)
  WHERE state <> 'sent' AND owner_key IS NOT NULL;

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
              terms, tokens, embedder, embedding),
      UPDATE (state, turn_id, attempts, not_before, terms, tokens, embedder, embedding)
  ON discreet.messages TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (message_id, session_id, route_id),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at)
  ON discreet.outbox TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (turn_id, text), UPDATE (text), DELETE ON discreet.drafts
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT INSERT (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, tokens, embedder, embedding, turn_id, version, updated_at),
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
              expires_at, terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, tokens, embedder, embedding, turn_id, version, updated_at),
      DELETE
  ON discreet.memories TO discreet_owner;
GRANT INSERT (agent_id, title, position, content, terms, tokens, embedder, embedding),
      UPDATE (terms, tokens, embedder, embedding), DELETE
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
