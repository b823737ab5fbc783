-- An audit's own owners: separate tenants with agents like those of the installation and with made-up people.
-- They share no row with anybody.
SET ROLE discreet_gate;

-- Begin an audit: create an owner for it. Whatever it makes belongs to this owner.
CREATE OR REPLACE FUNCTION gate.begin_audit() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  INSERT INTO discreet.owners (name) VALUES ('sb audit') RETURNING id INTO result;
  RETURN result;
END $$;

-- The audits that nobody has ended: a running one, or one whose process was killed.
CREATE OR REPLACE FUNCTION gate.open_audits() RETURNS TABLE (owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id FROM discreet.owners o WHERE o.name = 'sb audit' ORDER BY o.created_at, o.id
$$;

-- Delete everything of an audit's owner, and the owner. Returns the receipt: how many rows of each
-- table, and how many jobs. An owner that no audit made is left alone (DS001). Reference texts were
-- deleted before, by the owner's role.
CREATE OR REPLACE FUNCTION gate.end_audit(audit uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sessions   uuid[];
  table_name text;
  row_count  bigint;
  deleted    bigint;
  kept       text;
  counts     jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: audit ' || audit, 0));
  PERFORM 1 FROM discreet.owners o WHERE o.id = audit AND o.name = 'sb audit';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_audit' USING ERRCODE = 'DS001';
  END IF;
  -- Turns and deliveries lock the row of their session.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.owner_id = audit ORDER BY s.id FOR UPDATE) s;
  counts := jsonb_build_object('jobs', gate.delete_jobs(sessions));
  UPDATE discreet.sessions s SET summary_id = NULL WHERE s.owner_id = audit;
  -- Until a pass finds nothing more: some rows can go only after those that refer to them, and a
  -- deleted memory leaves a copy in its history.
  LOOP
    deleted := 0;
    kept := NULL;
    FOR table_name IN SELECT c.relname FROM pg_class c
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'owner_id'
                     WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'
                       AND has_table_privilege(c.oid, 'DELETE') ORDER BY 1 LOOP
      BEGIN
        EXECUTE format('DELETE FROM discreet.%I t WHERE t.owner_id = $1', table_name) USING audit;
        GET DIAGNOSTICS row_count = ROW_COUNT;
        deleted := deleted + row_count;
        IF row_count > 0 THEN
          counts := jsonb_set(counts, ARRAY[table_name],
                              to_jsonb(coalesce((counts->>table_name)::bigint, 0) + row_count));
        END IF;
      EXCEPTION WHEN foreign_key_violation THEN
        kept := table_name;
      END;
    END LOOP;
    EXIT WHEN deleted = 0;
  END LOOP;
  IF kept IS NOT NULL THEN
    RAISE EXCEPTION 'audit_not_ended' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.owners o WHERE o.id = audit;
  RETURN counts || '{"owners": 1}';
END $$;

-- Give an audit's contact a row in each table that people and their owner fill only now and then, so that
-- every policy has something to hide. Nothing of it acts: it is over, or due in a year. `party_id` is the
-- contact, or an agent that shares its memory, and `other_contact` a second contact of the same owner.
-- Errors: DS001 no audit made this owner.
CREATE OR REPLACE FUNCTION gate.seed_audit(audit uuid, party_id uuid, other_contact uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  next_year timestamptz := clock_timestamp() + interval '1 year';
  sample    record;
BEGIN
  SELECT s.owner_id, s.agent_id, s.contact_id, s.shared, s.id AS session_id, r.id AS route_id,
         r.channel_id, r.chat_id, m.id AS message_id, gen_random_uuid() AS turn_id
    INTO sample
    FROM discreet.owners o
    JOIN discreet.sessions s ON s.owner_id = o.id
                            AND (s.contact_id = party_id OR s.shared AND (s.agent_id = party_id OR EXISTS (
                              SELECT FROM discreet.contacts c WHERE c.id = party_id AND NOT EXISTS (
                                SELECT FROM discreet.sessions t WHERE t.contact_id = party_id))))
    JOIN discreet.messages m ON m.session_id = s.id AND m.owner_id = s.owner_id
    JOIN discreet.routes r ON r.id = m.route_id AND r.session_id = s.id
   WHERE o.id = audit AND o.name = 'sb audit'
   ORDER BY s.created_at, m.position LIMIT 1;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_audit' USING ERRCODE = 'DS001';
  END IF;
  INSERT INTO discreet.turns (id, owner_id, agent_id, contact_id, shared, session_id, route_id, state,
                              finished_at)
  VALUES (sample.turn_id, sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id,
          'failed', now());
  INSERT INTO discreet.attachments (owner_id, agent_id, contact_id, shared, session_id, route_id,
         message_id, position, kind, platform_file, channel_id, chat_id, platform_message_id, state)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id, sample.message_id, 99,
          'photo', 'audit', sample.channel_id, sample.chat_id, 'audit', 'refused');
  INSERT INTO discreet.reminders (owner_id, agent_id, contact_id, shared, session_id, route_id, text,
                                  starts_at, zone, due_at)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.session_id, sample.route_id, 'audit',
          next_year AT TIME ZONE 'UTC', 'UTC', next_year);
  INSERT INTO discreet.held_answers (owner_id, session_id, turn_id, text, state)
  VALUES (sample.owner_id, sample.session_id, sample.turn_id, 'audit', 'rejected');
  INSERT INTO discreet.person_requests (owner_id, session_id, turn_id, reason, ends_at, is_awaited,
                                        answered_at)
  VALUES (sample.owner_id, sample.session_id, sample.turn_id, 'audit', now(), false, now());
  INSERT INTO discreet.tool_calls (owner_id, session_id, server_id, called, arguments, shown_to, state,
                                   expires_at)
  SELECT sample.owner_id, sample.session_id, s.id, 'audit', '{}', 'audit:1', 'done', now()
    FROM discreet.tool_servers s WHERE s.owner_id = sample.owner_id LIMIT 1;
  INSERT INTO discreet.events (owner_id, agent_id, contact_id, shared, kind)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, 'audit');
  INSERT INTO discreet.outbox (owner_id, agent_id, contact_id, shared, message_id, session_id, route_id,
                               state)
  VALUES (sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, sample.message_id, sample.session_id, sample.route_id,
          'failed');
  INSERT INTO discreet.connections (owner_id, agent_id, contact_id, shared, server_id, link_hash,
                                    expires_at)
  SELECT sample.owner_id, sample.agent_id, sample.contact_id, sample.shared, s.id, uuid_send(gen_random_uuid()), now()
    FROM discreet.tool_servers s WHERE s.owner_id = sample.owner_id LIMIT 1;
  IF party_id = sample.agent_id THEN
    RETURN;
  END IF;
  PERFORM gate.seed_audit_contact(
    sample.owner_id, sample.agent_id, sample.channel_id, sample.chat_id, sample.message_id, party_id, other_contact);
END $$;

-- The rows that only a contact has, for `seed_audit`. `other_contact`: a contact to be linked with.
CREATE OR REPLACE FUNCTION gate.seed_audit_contact(
  owner uuid, agent uuid, channel uuid, chat text, message uuid, party_id uuid, other_contact uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  next_year timestamptz := clock_timestamp() + interval '1 year';
  link      uuid := gen_random_uuid();
  pairing   uuid := gen_random_uuid();
BEGIN
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label) VALUES (owner, party_id, 'audit');
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  VALUES (channel, party_id, owner, agent) ON CONFLICT DO NOTHING;
  INSERT INTO discreet.limit_hits (agent_id, contact_id, kind, owner_id, until)
  VALUES (agent, party_id, 'budget', owner, now());
  INSERT INTO discreet.links (id, owner_id, survivor_id, merged_id, proof, undone_at)
  VALUES (link, owner, party_id, other_contact, 'owner', now());
  INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key)
  VALUES (link, owner, 'label', 'audit');
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, '{}');
  INSERT INTO discreet.pairings (id, owner_id, agent_id, channel_id, contact_id, code, state, expires_at)
  VALUES (pairing, owner, agent, channel, party_id, 'audit', 'denied', now());
  INSERT INTO discreet.held_messages (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (channel, chat, 'audit', owner, pairing, '{}');
  INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason, next_try_at,
                                   released_at)
  VALUES (owner, channel, 'audit', '{}', 'audit', next_year, now());
  INSERT INTO discreet.owner_notices (owner_id, kind, key, contact_id, message_id)
  VALUES (owner, 'said', party_id, party_id, message);
  INSERT INTO discreet.owner_links (owner_id, platform, digest, expires_at)
  VALUES (owner, 'audit', '', now()) ON CONFLICT DO NOTHING;
  INSERT INTO discreet.wrong_codes (owner_id, sender, contact_id) VALUES (owner, uuid_send(party_id), party_id);
END $$;

REVOKE ALL ON FUNCTION gate.begin_audit, gate.open_audits, gate.seed_audit,
  gate.seed_audit_contact, gate.end_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.begin_audit, gate.open_audits, gate.seed_audit,
  gate.end_audit TO discreet_worker;
