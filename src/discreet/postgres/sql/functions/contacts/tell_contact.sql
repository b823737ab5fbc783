-- Messages that the owner sends without having been asked, and contacts who have opted out of them.
SET ROLE discreet_gate;

-- Return the word that a message consists of, in lower case and without punctuation; null: it isn't one word.
-- Direction marks, vowel marks and other combining characters are ignored. The letters may be spaced out.
CREATE OR REPLACE FUNCTION gate.single_word(body text) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  words text COLLATE pg_c_utf8 := btrim(regexp_replace(regexp_replace(
    lower(normalize(left(body, 80), NFKC) COLLATE pg_c_utf8),
    '[\u00ad\u0300-\u036f\u0610-\u061a\u0640\u064b-\u065f\u0670\u200b-\u200f\u202a-\u202e'
    '\u2060-\u2069\ufe00-\ufe0f\ufeff]',
    '', 'g'), '[^[:alnum:]]+', ' ', 'g'));
BEGIN
  RETURN CASE WHEN words ~ '^([[:alnum:]] )*[[:alnum:]]$' OR words IN ('opt out', 'opt in', 'stop all')
              THEN replace(words, ' ', '')
              WHEN words !~ ' ' THEN words END;
END $$;

-- Record an opt-out or opt-in if a message is such a word alone, and return 'opt_out', 'opt_in' or null. It counts
-- for the person who writes it, in a direct chat; an opt-in only after an opt-out.
CREATE OR REPLACE FUNCTION gate.record_opt_out(contact uuid, body text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  word text := gate.single_word(body);
BEGIN
  IF word = ANY (ARRAY['stop', 'stopall', 'unsubscribe', 'optout', 'stopp', 'abmelden', 'abbestellen',
                       'alto', 'parar', 'baja', 'arrêt', 'arret', 'arrêter', 'arreter', 'désabonner',
                       'desabonner', 'pare', 'descadastrar', 'стоп', 'отписаться', 'توقف', 'قف', 'إيقاف',
                       'ايقاف', '停止', '停', '退订', '取消订阅']) THEN
    UPDATE discreet.contacts c SET stopped_at = coalesce(c.stopped_at, clock_timestamp())
     WHERE c.id = contact;
    RETURN 'opt_out';
  ELSIF word = ANY (ARRAY['start', 'unstop', 'subscribe', 'optin', 'starten', 'anmelden', 'empezar',
                          'comenzar', 'iniciar', 'alta', 'démarrer', 'demarrer', 'commencer', 'reprendre',
                          'começar', 'voltar', 'старт', 'начать', 'подписаться', 'ابدأ', 'ابدا', 'اشتراك',
                          '开始', '订阅', '恢复']) AND gate.has_opted_out(contact) THEN
    UPDATE discreet.contacts c SET stopped_at = NULL
     WHERE c.id IN (SELECT o.id FROM gate.contact_with_merged(contact) o (id));
    RETURN 'opt_in';
  END IF;
  RETURN NULL;
END $$;

-- Return a contact and those that were merged into it.
CREATE OR REPLACE FUNCTION gate.contact_with_merged(contact uuid) RETURNS SETOF uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  WITH RECURSIVE merged AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN merged o ON c.merged_into = o.id)
  SELECT o.id FROM merged o
$$;

-- Return whether a person has opted out, from any of their accounts.
CREATE OR REPLACE FUNCTION gate.has_opted_out(contact uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM discreet.contacts c
                  WHERE c.id IN (SELECT o.id FROM gate.contact_with_merged(contact) o (id))
                    AND c.stopped_at IS NOT NULL)
$$;

-- Return the newest message of a contact on a channel that is still open.
CREATE OR REPLACE FUNCTION gate.last_inbound_message(owner uuid, contact uuid) RETURNS discreet.messages
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT m FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.closed_at IS NULL
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
     AND m.sent_at IS NOT NULL
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1
$$;

-- Return why the owner can't write to a contact first: 'stopped', 'blocked', 'denied', 'nowhere'
-- (it has written nothing, or its channel is closed), 'window' (WhatsApp's 24 hours), or null. Error
-- DS001: no such contact.
CREATE OR REPLACE FUNCTION gate.tell_contact_blocker(contact uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  target discreet.contacts;
  last   discreet.messages;
  via    discreet.channels;
BEGIN
  SELECT c.* INTO target FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner AND c.merged_into IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  END IF;
  last := gate.last_inbound_message(owner, contact);
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = last.channel_id;
  RETURN CASE
    WHEN gate.has_opted_out(contact) THEN 'stopped'
    WHEN target.blocked_at IS NOT NULL THEN 'blocked'
    WHEN last.id IS NULL THEN 'nowhere'
    WHEN EXISTS (SELECT FROM discreet.pairings p
                  WHERE p.channel_id IN (via.id, via.parent_id) AND p.contact_id = contact
                    AND p.state = 'denied') THEN 'denied'
    WHEN via.platform = 'whatsapp' AND NOT EXISTS (
      SELECT FROM discreet.messages m
       WHERE m.contact_id = contact AND m.direction = 'in'
         AND (m.channel_id, m.chat_id) = (last.channel_id, last.chat_id)
         AND m.sent_at > clock_timestamp() - interval '24 hours') THEN 'window' END;
END $$;

-- Send a text to a contact in the owner's name, where it wrote last. It answers no waiting message. Returns why
-- it can't be sent, or null. Error DS001: no such contact.
CREATE OR REPLACE FUNCTION gate.tell_contact(contact uuid, body text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner      uuid := gate.require_owner();
  reason     text;
  last       discreet.messages;
  last_route discreet.routes;
  here       discreet.sessions;
  route      uuid;
  message    uuid;
BEGIN
  -- An opt-out written at the same moment is stored either before this or after it.
  PERFORM 1 FROM discreet.contacts c WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  reason := gate.tell_contact_blocker(contact);
  IF reason IS NOT NULL THEN
    RETURN reason;
  END IF;
  last := gate.last_inbound_message(owner, contact);
  SELECT r.* INTO STRICT last_route FROM discreet.routes r WHERE r.id = last.route_id;
  here := gate.find_or_create_session(
    owner, last.agent_id, contact, false,
    (SELECT s.thread_key FROM discreet.sessions s WHERE s.id = last.session_id), false);
  route := gate.find_or_create_route(here, last_route.channel_id, last_route.chat_id, last_route.thread_id);
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, in_person)
  VALUES (owner, here.agent_id, contact, here.id, route, here.last_position, 'out', 'sent', body, true)
  RETURNING id INTO message;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (message, owner, here.agent_id, contact, here.id, route);
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.single_word, gate.record_opt_out, gate.contact_with_merged, gate.has_opted_out, gate.last_inbound_message,
  gate.tell_contact_blocker, gate.tell_contact FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.tell_contact_blocker, gate.tell_contact TO discreet_owner;
