-- Two contacts that turn out to be one person. The rows of one move to the other, and each move is
-- recorded, so that undoing the link puts every row back. The merged contact stays as an empty shell:
-- no address leads to it, and nothing is stored for it.
SET ROLE discreet_gate;

-- Refuse new rows for a merged contact. Whoever looked the contact up before the merge waits here until
-- it is committed, and has to look it up again.
CREATE OR REPLACE FUNCTION gate.reject_merged_contact() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  survivor uuid;
BEGIN
  SELECT c.merged_into INTO survivor FROM discreet.contacts c
   WHERE c.id = NEW.contact_id AND c.owner_id = NEW.owner_id FOR KEY SHARE;
  IF survivor IS NOT NULL THEN
    RAISE EXCEPTION 'merged' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END $$;

-- Move what a link covers from one contact to the other: sessions with everything that belongs to them,
-- memories and their history. Turns that run there lose their session, and their messages wait again. A
-- moved memory loses its topic key where the receiver already uses it. Error DS003: an answer is being
-- sent right now and would be sent twice.
CREATE OR REPLACE FUNCTION gate.move_linked_rows(link uuid, from_contact uuid, to_contact uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sessions uuid[] := gate.linked_row_ids(link, 'session');
  memories uuid[] := gate.linked_row_ids(link, 'memory');
  waiting  uuid;
BEGIN
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.outbox o
              WHERE o.session_id = ANY (sessions) AND o.state = 'sending') THEN
    RAISE EXCEPTION 'answer_being_sent' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE t.id = d.turn_id AND t.session_id = ANY (sessions);
  -- MCP sessions that were bound to it start unbound; they must not follow to another contact.
  DELETE FROM discreet.mcp_sessions m WHERE m.session_id = ANY (sessions);
  -- One statement, because the foreign keys between these tables hold again at its end. Deferrable keys
  -- would let anybody test which ids exist.
  WITH s AS (
    UPDATE discreet.sessions s SET contact_id = to_contact WHERE s.id = ANY (sessions)
  ), r AS (
    UPDATE discreet.routes r SET contact_id = to_contact WHERE r.session_id = ANY (sessions)
  ), t AS (
    UPDATE discreet.turns t SET contact_id = to_contact WHERE t.session_id = ANY (sessions)
  ), m AS (
    UPDATE discreet.messages m
       SET contact_id = to_contact,
           sender_contact_id = CASE WHEN m.sender_contact_id = from_contact THEN to_contact
                                    ELSE m.sender_contact_id END
     WHERE m.session_id = ANY (sessions)
  ), n AS (
    UPDATE discreet.reminders n SET contact_id = to_contact WHERE n.session_id = ANY (sessions)
  ), o AS (
    UPDATE discreet.outbox o SET contact_id = to_contact WHERE o.session_id = ANY (sessions)
  )
  UPDATE discreet.attachments a SET contact_id = to_contact WHERE a.session_id = ANY (sessions);
  UPDATE discreet.memories m
     SET contact_id = to_contact,
         topic_key = CASE WHEN NOT EXISTS (
             SELECT FROM discreet.memories t
              WHERE t.contact_id = to_contact AND t.owner_id = m.owner_id
                AND (t.agent_id, t.topic_key) = (m.agent_id, coalesce(m.topic_key, l.previous_value)))
           THEN coalesce(m.topic_key, l.previous_value) END
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'memory' AND m.id = l.key::uuid AND m.contact_id = from_contact;
  -- A sign-in that isn't finished, with a link or a code in one of the chats, ends.
  DELETE FROM discreet.connections c
   WHERE c.contact_id = from_contact AND c.state NOT IN ('signed_in', 'connected');
  PERFORM gate.expire_sign_ins(ARRAY(SELECT c.id FROM discreet.connections c WHERE c.contact_id = from_contact));
  UPDATE discreet.connections c SET contact_id = to_contact
   WHERE c.id = ANY (gate.linked_row_ids(link, 'connection')) AND c.contact_id = from_contact;
  UPDATE discreet.memory_history h SET contact_id = to_contact
   WHERE h.memory_id = ANY (memories) AND h.contact_id = from_contact;
  FOR waiting IN SELECT DISTINCT m.session_id FROM discreet.messages m
                  WHERE m.session_id = ANY (sessions) AND m.state IN ('waiting', 'taken') LOOP
    PERFORM gate.defer_turn(waiting, NULL, false);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION gate.linked_row_ids(link uuid, row_kind text) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(l.key::uuid), '{}') FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = row_kind
$$;

-- Say why two contacts can't be merged, as a code, or null. Both rows are locked then, always in the
-- same order.
CREATE OR REPLACE FUNCTION gate.merge_blocker(owner uuid, survivor uuid, merged uuid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id IN (survivor, merged) AND c.owner_id = owner ORDER BY c.id FOR UPDATE;
  IF survivor = merged THEN
    RETURN 'same_contact';
  END IF;
  RETURN (
    SELECT CASE WHEN count(*) < 2 THEN 'no_such_contact'
                WHEN bool_or(c.merged_into IS NOT NULL)
                THEN 'already_merged'
                WHEN bool_or(c.type = 'group') THEN 'group_is_no_person'
                WHEN bool_or(c.blocked_at IS NOT NULL) THEN 'contact_blocked'
                WHEN bool_or(c.on_hold_at IS NOT NULL) THEN 'contact_on_hold'
                WHEN bool_or(EXISTS (SELECT FROM discreet.self_erasures e
                                      WHERE e.contact_id = c.id AND e.confirmed_at IS NOT NULL))
                THEN 'contact_erases_itself'
                WHEN bool_or(c.taken_over_at IS NOT NULL)
                THEN 'contact_taken_over'
                WHEN bool_or(EXISTS (SELECT FROM discreet.pairings p
                                      WHERE p.contact_id = c.id AND p.state = 'pending'))
                THEN 'contact_not_admitted' END
      FROM discreet.contacts c WHERE c.id IN (survivor, merged) AND c.owner_id = owner);
END $$;

-- Merge one contact into the other (the survivor). Its sessions end: new messages go to the survivor's,
-- and the old conversation can be given back whole. A memory that the survivor has too stays where it
-- is; of two under one topic key, the survivor's keeps the key. Errors: DS003 it can't be done, or not
-- now.
CREATE OR REPLACE FUNCTION gate.merge_contacts(owner uuid, survivor uuid, merged uuid, proof_kind text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reason text := gate.merge_blocker(owner, survivor, merged);
  link   uuid;
BEGIN
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION '%', reason USING ERRCODE = CASE WHEN reason = 'no_such_contact' THEN 'DS001' ELSE 'DS003' END;
  END IF;
  INSERT INTO discreet.links (owner_id, survivor_id, merged_id, proof)
  VALUES (owner, survivor, merged, proof_kind) RETURNING id INTO link;
  UPDATE discreet.contacts c SET merged_into = survivor WHERE c.id = merged;
  DELETE FROM discreet.link_requests r
   WHERE r.contact_id IN (survivor, merged) OR r.other_id IN (survivor, merged);

  INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key, previous_value)
  SELECT link, owner, 'address', a.platform || ':' || a.platform_id, NULL
    FROM discreet.addresses a WHERE a.contact_id = merged
  UNION ALL
  SELECT link, owner, 'session', s.id::text, CASE WHEN s.ended_at IS NULL THEN 'open' END
    FROM discreet.sessions s WHERE s.contact_id = merged
  UNION ALL
  SELECT link, owner, 'memory', m.id::text, m.topic_key
    FROM discreet.memories m
   WHERE m.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories k
      WHERE (k.owner_id, k.agent_id, k.party, k.digest) = (owner, m.agent_id, survivor, m.digest))
  UNION ALL
  SELECT DISTINCT link, owner, 'memory', h.memory_id::text, NULL
    FROM discreet.memory_history h
   WHERE h.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories m WHERE m.id = h.memory_id)
  UNION ALL
  SELECT link, owner, 'admission', a.channel_id::text, NULL
    FROM discreet.admissions a
   WHERE a.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.admissions k WHERE k.channel_id = a.channel_id AND k.contact_id = survivor)
  UNION ALL
  SELECT link, owner, 'connection', c.id::text, NULL
    FROM discreet.connections c
   WHERE c.contact_id = merged AND c.state = 'connected' AND NOT EXISTS (
     SELECT FROM discreet.connections k
      WHERE k.server_id = c.server_id AND k.contact_id = survivor AND k.state = 'connected')
  UNION ALL
  SELECT link, owner, 'label', a.label, NULL
    FROM discreet.contact_labels a
   WHERE a.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.contact_labels k WHERE k.label = a.label AND k.contact_id = survivor);

  UPDATE discreet.addresses a SET contact_id = survivor WHERE a.contact_id = merged;
  UPDATE discreet.sessions s SET ended_at = clock_timestamp()
   WHERE s.contact_id = merged AND s.ended_at IS NULL;
  PERFORM gate.move_linked_rows(link, merged, survivor);
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, survivor, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = merged ON CONFLICT DO NOTHING;
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT l.owner_id, survivor, l.label FROM discreet.contact_labels l
   WHERE l.contact_id = merged ON CONFLICT DO NOTHING;
  RETURN link;
END $$;

-- Link two contacts because the owner says that they are one person.
CREATE OR REPLACE FUNCTION gate.link_contacts(survivor uuid, merged uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN gate.merge_contacts(gate.require_owner(), survivor, merged, 'owner');
END $$;

-- Link an unknown visitor of a web chat to who they proved to be. Error DS003: the visitor has another
-- address, so it isn't one that nobody else could have.
CREATE OR REPLACE FUNCTION gate.link_visitor(known uuid, visitor uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF EXISTS (SELECT FROM discreet.addresses a
              WHERE a.contact_id = visitor AND a.owner_id = owner
                AND NOT (a.platform = 'web' AND a.platform_id LIKE '%/anon-%')) THEN
    RAISE EXCEPTION 'visitor_is_known' USING ERRCODE = 'DS003';
  END IF;
  RETURN gate.merge_contacts(owner, known, visitor, 'identity');
END $$;

-- Undo a link: give back what it moved, as it is now. What was said and remembered since then stays
-- with the survivor; an address that has gone to another contact since stays there. Errors: DS001 no
-- such link; DS003 it can't be undone, or not now.
CREATE OR REPLACE FUNCTION gate.undo_link(link uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner    uuid := gate.require_owner();
  link_row discreet.links;
BEGIN
  SELECT l.* INTO link_row FROM discreet.links l
   WHERE l.id = link AND l.owner_id = owner AND l.undone_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_link' USING ERRCODE = 'DS001';
  END IF;
  PERFORM 1 FROM discreet.contacts c WHERE c.id IN (link_row.survivor_id, link_row.merged_id) ORDER BY c.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.contacts c
              WHERE c.id = link_row.survivor_id AND c.merged_into IS NOT NULL) THEN
    RAISE EXCEPTION 'survivor_merged'
      USING ERRCODE = 'DS003';
  END IF;
  IF gate.is_on_hold(link_row.survivor_id) THEN
    RAISE EXCEPTION 'contact_on_hold' USING ERRCODE = 'DS003';
  END IF;
  UPDATE discreet.contacts c SET merged_into = NULL WHERE c.id = link_row.merged_id;
  -- Memories that have since become equal to one that the merged contact kept: one copy is enough.
  DELETE FROM discreet.memories m USING discreet.memories b
   WHERE m.id = ANY (gate.linked_row_ids(link, 'memory')) AND m.contact_id = link_row.survivor_id AND b.contact_id = link_row.merged_id
     AND (b.agent_id, b.digest) = (m.agent_id, m.digest);
  PERFORM gate.move_linked_rows(link, link_row.survivor_id, link_row.merged_id);
  UPDATE discreet.sessions s SET ended_at = NULL
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'session' AND l.key = s.id::text AND l.previous_value = 'open';
  UPDATE discreet.addresses a SET contact_id = link_row.merged_id
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'address' AND a.owner_id = owner
     AND a.contact_id = link_row.survivor_id AND l.key = a.platform || ':' || a.platform_id;
  DELETE FROM discreet.admissions a USING discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'admission' AND a.contact_id = link_row.survivor_id
     AND l.key = a.channel_id::text;
  DELETE FROM discreet.contact_labels a USING discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'label' AND a.contact_id = link_row.survivor_id
     AND l.key = a.label;
  DELETE FROM discreet.linked_rows l WHERE l.link_id = link;
  UPDATE discreet.links l SET undone_at = clock_timestamp() WHERE l.id = link;
END $$;

REVOKE ALL ON FUNCTION gate.reject_merged_contact, gate.move_linked_rows, gate.linked_row_ids,
  gate.merge_blocker, gate.merge_contacts, gate.link_contacts,
  gate.link_visitor, gate.undo_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.reject_merged_contact TO discreet_schema;
GRANT EXECUTE ON FUNCTION gate.link_contacts, gate.link_visitor, gate.undo_link TO discreet_owner;
