-- Who may come in, channel by channel: 'open' (whoever writes), 'pairing' (a stranger gets a code,
-- and waits until the owner approves it), 'allowlist' (nobody whom the owner didn't name). The
-- terminal belongs to whoever runs the installation, and is never asked.
SET ROLE discreet_schema;

ALTER TABLE discreet.channels ADD COLUMN admission text NOT NULL DEFAULT 'pairing'
  CHECK (admission IN ('open', 'pairing', 'allowlist'));
GRANT INSERT (admission), UPDATE (admission) ON discreet.channels TO discreet_owner;

-- Who was let in. A group is let in as a whole.
CREATE TABLE discreet.admissions (
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (channel_id, contact_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id) ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX admissions_contact ON discreet.admissions (contact_id);

-- A stranger who asks to come in: one channel, one contact, one code at a time.
CREATE TABLE discreet.pairings (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  code       text NOT NULL,
  state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
  issued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (channel_id, contact_id),
  UNIQUE (id, owner_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id) ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX pairings_contact ON discreet.pairings (contact_id);
CREATE UNIQUE INDEX pairings_code ON discreet.pairings (owner_id, code) WHERE state = 'pending';

-- What strangers said meanwhile, as it arrived. It is nobody's row until they are let in.
CREATE TABLE discreet.kept_aside (
  channel_id       uuid NOT NULL,
  chat_id          text NOT NULL,
  platform_message text NOT NULL,
  owner_id         uuid NOT NULL,
  pairing_id       uuid NOT NULL,
  arrived          jsonb NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (channel_id, chat_id, platform_message, owner_id),
  FOREIGN KEY (pairing_id, owner_id) REFERENCES discreet.pairings (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX kept_aside_pairing ON discreet.kept_aside (pairing_id, created_at, owner_id);

-- A code that the owner sends to the bot, to say that this account is theirs.
CREATE TABLE discreet.owner_links (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL REFERENCES discreet.owners,
  platform    text NOT NULL,
  digest      bytea NOT NULL,
  used_by     text,
  used_at     timestamptz,
  expires_at  timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX owner_links_pending ON discreet.owner_links (owner_id, platform) WHERE used_at IS NULL;

-- Codes that were none: of strangers, as the owner typed them, and what a sender (a keyed hash of their
-- address) said while the owner's own code was expected.
CREATE TABLE discreet.wrong_codes (
  id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id uuid NOT NULL REFERENCES discreet.owners,
  sender   bytea,
  tried_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX wrong_codes_owner ON discreet.wrong_codes (owner_id, tried_at);
CREATE INDEX wrong_codes_sender ON discreet.wrong_codes (sender, owner_id) WHERE sender IS NOT NULL;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['admissions', 'pairings', 'kept_aside', 'owner_links', 'wrong_codes'] LOOP
    EXECUTE format($f$
      ALTER TABLE discreet.%1$I ENABLE ROW LEVEL SECURITY;
      ALTER TABLE discreet.%1$I FORCE ROW LEVEL SECURITY;
      CREATE POLICY gate ON discreet.%1$I TO discreet_gate USING (true);
      GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.%1$I TO discreet_gate;
    $f$, t);
    CALL discreet.let_see(t, 'owner', '{owner_id}', '{owner_id}');
  END LOOP;
END $$;
-- The owner reads what there is, but no code: who has a code proves that they got it from the person.
GRANT SELECT ON discreet.admissions, discreet.kept_aside, discreet.wrong_codes TO discreet_owner;
GRANT SELECT (id, owner_id, agent_id, channel_id, contact_id, state, issued_at, expires_at, created_at)
  ON discreet.pairings TO discreet_owner;
GRANT SELECT (id, owner_id, platform, used_by, used_at, expires_at, created_at)
  ON discreet.owner_links TO discreet_owner;
GRANT DELETE ON discreet.admissions TO discreet_owner;
GRANT INSERT ON discreet.outbox TO discreet_gate;
CALL discreet.keep_no_statistics();
RESET ROLE;

SET ROLE discreet_gate;
-- Eight characters of 31 that nobody mistakes for each other (no I, L, O, 0, 1): 39 bits.
CREATE FUNCTION gate.new_code() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(substr('ABCDEFGHJKMNPQRSTUVWXYZ23456789', 1 + get_byte(r.bytes, i) % 31, 1), '')
    -- The bytes of a random UUID that hold no version and no variant.
    FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) r, unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) i
$$;

-- The code in what somebody typed, or null where it isn't one.
CREATE FUNCTION gate.as_code(typed text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT substring(upper(regexp_replace(left(typed, 40), '[[:space:]-]', '', 'g'))
                   FROM '^[A-HJKMNP-Z2-9]{8}$')
$$;

-- What nobody thought of, said to a chat by the gate itself: a line of the session that is no part
-- of the conversation, and on its way. `notice` is a code of gate.notices; '{code}' in its text is
-- replaced.
CREATE FUNCTION gate.say(
  owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text,
  notice text, code text, in_reply_to text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here   discreet.sessions := gate.find_or_create_session(
    owner, agent, party,
    party IS NULL AND (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = agent),
    thread, false);
  route  uuid := gate.find_or_create_route(here, channel, chat, platform_thread);
  result uuid;
BEGIN
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text, command,
    reply_to)
  VALUES (owner, agent, party, here.shared, here.id, route, here.last_position, 'out', 'sent',
          (SELECT replace(n.text, '{code}', coalesce(say.code, '')) FROM gate.notices n
            WHERE n.code = notice),
          'notice', in_reply_to)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, agent, party, here.shared, here.id, route);
  RETURN result;
END $$;

-- Whether what arrived is the owner's code: then its sender is the owner from now on. What the
-- account said before stays with the contact that it was. Only in a direct chat, once, in time. Wrong
-- codes count for whoever sends them, so that nobody else can use up the owner's tries.
CREATE FUNCTION gate.links_owner(owner uuid, via discreet.channels, said gate.inbound)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := gate.as_code(said.body);
  who    bytea;
  link   discreet.owner_links;
  before uuid;
  here   discreet.sessions;
BEGIN
  IF wanted IS NULL OR said.group_id IS NOT NULL
     OR said.sender_platform IS DISTINCT FROM via.platform THEN
    RETURN false;
  END IF;
  SELECT l.* INTO link FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = via.platform AND l.used_at IS NULL
     AND l.expires_at > clock_timestamp()
   FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  who := gate.digest_of(via.platform || ':' || said.sender_id);
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.owner_id = owner AND w.sender = who AND w.tried_at > link.created_at)
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    RETURN false;
  END IF;
  IF link.digest <> sha256(convert_to(link.id || wanted, 'UTF8')) THEN
    INSERT INTO discreet.wrong_codes (owner_id, sender) VALUES (owner, who);
    RETURN false;
  END IF;
  UPDATE discreet.owner_links l
     SET used_at = clock_timestamp(), used_by = via.platform || ':' || said.sender_id
   WHERE l.id = link.id;
  before := gate.known_contact(owner, via.platform, said.sender_id);
  DELETE FROM discreet.pairings p WHERE p.contact_id = before AND p.state = 'pending';
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, of_owner)
  VALUES (owner, via.platform, said.sender_id, NULL, true)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO UPDATE SET contact_id = NULL, of_owner = true;
  -- Kept as a line that is answered, so that a repeated delivery finds it.
  here := gate.find_or_create_session(
    owner, via.agent_id, NULL,
    (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = via.agent_id),
    said.thread, false);
  INSERT INTO discreet.messages (
    owner_id, agent_id, shared, session_id, route_id, position, direction, state, text, sender_address,
    sender_name, channel_id, chat_id, platform_message_id, sent_at)
  VALUES (
    owner, via.agent_id, here.shared, here.id,
    gate.find_or_create_route(here, via.id, said.chat, said.platform_thread),
    here.last_position, 'in', 'answered',
    (SELECT n.text FROM gate.notices n WHERE n.code = 'owner_code'),
    via.platform || ':' || said.sender_id, said.sender_display, via.id,
    said.chat, said.platform_message, said.written_at);
  PERFORM gate.say(owner, via.agent_id, NULL, said.thread, via.id, said.chat,
                   said.platform_thread,
                   'owner_linked', NULL,
                   said.platform_message);
  RETURN true;
END $$;

-- A stranger on a channel that pairs: 'aside' where what was said is kept, 'stranger' where not.
-- One line with a code goes out in an hour; whatever else arrives is met with silence.
CREATE FUNCTION gate.ask_to_pair(owner uuid, via discreet.channels, said gate.inbound, stranger uuid)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked  discreet.pairings;
  policy gate.policy;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  -- Strangers of one channel come in one after the other, or they would be counted too few.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: pairing ' || via.id, 0));
  SELECT p.* INTO asked FROM discreet.pairings p
   WHERE p.channel_id = via.id AND p.contact_id = stranger;
  IF asked.state = 'denied' THEN
    RETURN 'stranger';
  END IF;
  IF asked.id IS NULL OR asked.state <> 'pending' OR asked.expires_at <= clock_timestamp() THEN
    IF (SELECT count(*) FROM discreet.pairings p
         WHERE p.channel_id = via.id AND p.state = 'pending' AND p.expires_at > clock_timestamp())
         >= policy.pairings_pending
       OR (SELECT count(*) FROM discreet.pairings p
            WHERE p.channel_id = via.id AND p.issued_at > clock_timestamp() - interval '1 hour')
         >= policy.pairing_codes_an_hour THEN
      RETURN 'stranger';
    END IF;
    IF stranger IS NULL THEN
      IF said.group_id IS NOT NULL THEN
        stranger := gate.find_or_create_contact(
          owner, said.group_platform, said.group_id, 'group', said.group_name);
      ELSE
        stranger := gate.find_or_create_contact(
          owner, said.sender_platform, said.sender_id, 'external',
          said.sender_display);
      END IF;
    END IF;
    INSERT INTO discreet.pairings (owner_id, agent_id, channel_id, contact_id, code, expires_at)
    VALUES (owner, via.agent_id, via.id, stranger, gate.new_code(),
            clock_timestamp() + policy.pairing_code_seconds * interval '1 second')
    ON CONFLICT (channel_id, contact_id) DO UPDATE SET
      code = excluded.code, state = 'pending', issued_at = excluded.issued_at,
      expires_at = excluded.expires_at
    RETURNING * INTO asked;
    -- In a session of its own, also where the agent is shared: nobody else reads the code, and the
    -- conversation that may follow doesn't begin with it.
    PERFORM gate.say(
      owner, via.agent_id, stranger, 'pairing', via.id, said.chat,
      said.platform_thread,
      'pairing', left(asked.code, 4) || '-' || right(asked.code, 4),
      said.platform_message);
  END IF;
  IF (SELECT count(*) FROM discreet.kept_aside k WHERE k.pairing_id = asked.id)
       >= policy.messages_kept_aside THEN
    RETURN 'stranger';
  END IF;
  INSERT INTO discreet.kept_aside
    (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (via.id, said.chat, said.platform_message, owner, asked.id, to_jsonb(said))
  ON CONFLICT DO NOTHING;
  RETURN 'aside';
END $$;

-- Why a message that has arrived is not taken: 'blocked'; 'linked' (it was the owner's code); 'aside'
-- (a stranger's, kept until they are let in); 'stranger' (not kept); or null.
CREATE FUNCTION gate.not_admitted(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sender  uuid := gate.known_contact(owner, said.sender_platform, said.sender_id);
  a_group uuid := gate.known_contact(owner, said.group_platform, said.group_id);
  party   uuid := CASE WHEN said.group_id IS NULL THEN sender ELSE a_group END;
BEGIN
  IF EXISTS (SELECT 1 FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.blocked_at IS NOT NULL
                AND c.id IN (said.sender_contact, sender, a_group)) THEN
    RETURN 'blocked';
  END IF;
  IF via.platform = 'terminal' OR said.sender_kind <> 'address' THEN
    RETURN NULL;
  END IF;
  IF gate.links_owner(owner, via, said) THEN
    RETURN 'linked';
  END IF;
  IF via.admission = 'open'
     OR EXISTS (SELECT 1 FROM discreet.admissions a
                 WHERE a.channel_id IN (via.id, via.parent_id) AND a.contact_id = party)
     OR (said.group_id IS NULL
         AND EXISTS (SELECT 1 FROM discreet.addresses a
                      WHERE a.owner_id = owner AND a.platform = said.sender_platform
                        AND a.platform_id = said.sender_id AND a.of_owner)) THEN
    RETURN NULL;
  END IF;
  IF via.admission = 'pairing' AND said.addressed THEN
    RETURN gate.ask_to_pair(owner, via, said, party);
  END IF;
  RETURN 'stranger';
END $$;

-- The pairing that a code means. Wrong codes are counted: 'locked' where there were too many.
CREATE FUNCTION gate.pairing_of_code(typed text, OUT pairing uuid, OUT locked boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  -- Those who try at once are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: codes ' || owner, 0));
  locked := (SELECT count(*) FROM discreet.wrong_codes w
              WHERE w.owner_id = owner AND w.contact_id IS NULL AND w.sender IS NULL AND w.tried_at > clock_timestamp() - interval '1 hour')
            >= (SELECT p.wrong_codes_an_hour FROM gate.policy p);
  IF locked THEN
    RETURN;
  END IF;
  SELECT p.id INTO pairing FROM discreet.pairings p
   WHERE p.owner_id = owner AND p.code = gate.as_code(typed) AND p.state = 'pending'
     AND p.expires_at > clock_timestamp();
  IF NOT FOUND THEN
    INSERT INTO discreet.wrong_codes (owner_id) VALUES (owner);
  END IF;
END $$;

-- What was kept aside takes the usual way, as if it had just arrived.
CREATE FUNCTION gate.accept_again(owner uuid, channel uuid, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said gate.inbound := jsonb_populate_record(NULL::gate.inbound, kept);
BEGIN
  said.channel := channel;
  PERFORM gate.accept_message(owner, said);
END $$;

-- Lets a stranger in, or not. What they said meanwhile takes the usual way now, as if it had just
-- arrived; or is thrown away. How many messages that were.
CREATE FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  asked discreet.pairings;
  kept  record;
  said  jsonb;
  all_said jsonb := '[]';
BEGIN
  UPDATE discreet.pairings p SET state = CASE WHEN let_in THEN 'approved' ELSE 'denied' END
   WHERE p.id = pairing AND p.owner_id = owner
   RETURNING p.* INTO asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_pairing' USING ERRCODE = 'DS001';
  END IF;
  IF let_in THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (asked.channel_id, asked.contact_id, owner, asked.agent_id)
    ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM discreet.admissions a
     WHERE a.channel_id = asked.channel_id AND a.contact_id = asked.contact_id;
  END IF;
  FOR kept IN
    DELETE FROM discreet.kept_aside k WHERE k.pairing_id = pairing
    RETURNING k.arrived, k.created_at
  LOOP
    all_said := all_said || jsonb_build_array(
      kept.arrived || jsonb_build_object('kept_at', kept.created_at));
  END LOOP;
  IF let_in THEN
    FOR said IN SELECT j.value FROM jsonb_array_elements(all_said) j
                 ORDER BY (j.value->>'kept_at')::timestamptz LOOP
      PERFORM gate.accept_again(owner, asked.channel_id, said);
    END LOOP;
  END IF;
  RETURN jsonb_array_length(all_said);
END $$;

-- Somebody is let in before they have written. The contact; made if new.
CREATE FUNCTION gate.admit(channel uuid, of_platform text, of_id text, kind text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  via    discreet.channels;
  result uuid;
  asked  uuid;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  result := gate.find_or_create_contact(owner, of_platform, of_id, kind, '');
  IF result IS NOT NULL THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (channel, result, owner, via.agent_id) ON CONFLICT DO NOTHING;
    SELECT p.id INTO asked FROM discreet.pairings p
     WHERE p.channel_id = channel AND p.contact_id = result;
    IF FOUND THEN
      PERFORM gate.decide_pairing(asked, true);
    END IF;
  END IF;
  RETURN result;
END $$;

-- A new code for the owner's account on a platform; those before it are void.
CREATE FUNCTION gate.make_owner_link(of_platform text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  code  text := gate.new_code();
  made  uuid := gen_random_uuid();
BEGIN
  DELETE FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = of_platform AND l.used_at IS NULL;
  DELETE FROM discreet.wrong_codes w
   WHERE w.owner_id = owner AND w.sender IS NOT NULL
     AND w.tried_at < clock_timestamp()
                      - (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second';
  INSERT INTO discreet.owner_links (id, owner_id, platform, digest, expires_at)
  VALUES (made, owner, of_platform, sha256(convert_to(made || code, 'UTF8')),
          clock_timestamp() + (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second');
  RETURN code;
END $$;

-- An agent whose memory everybody shares is not for everybody.
CREATE FUNCTION gate.refuse_shared_and_open() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent uuid := CASE TG_TABLE_NAME WHEN 'agents' THEN to_jsonb(NEW)->>'id'
                                   ELSE to_jsonb(NEW)->>'agent_id' END;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: admission ' || agent, 0));
  IF EXISTS (SELECT 1 FROM discreet.agents a JOIN discreet.channels c ON c.agent_id = a.id
              WHERE a.id = agent AND a.memory_model = 'shared'
                AND c.admission = 'open' AND c.platform <> 'terminal' AND c.closed_at IS NULL) THEN
    RAISE EXCEPTION 'shared_and_open' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.new_code(),
  gate.as_code(text),
  gate.say(uuid, uuid, uuid, text, uuid, text, text, text, text, text),
  gate.links_owner(uuid, discreet.channels, gate.inbound),
  gate.ask_to_pair(uuid, discreet.channels, gate.inbound, uuid),
  gate.not_admitted(uuid, discreet.channels, boolean, gate.inbound),
  gate.pairing_of_code(text), gate.decide_pairing(uuid, boolean),
  gate.accept_again(uuid, uuid, jsonb),
  gate.admit(uuid, text, text, text), gate.make_owner_link(text), gate.refuse_shared_and_open()
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.pairing_of_code(text), gate.decide_pairing(uuid, boolean),
  gate.admit(uuid, text, text, text), gate.make_owner_link(text) TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.refuse_shared_and_open() TO discreet_schema;
RESET ROLE;

SET ROLE discreet_schema;
CREATE TRIGGER shared_and_open AFTER INSERT OR UPDATE OF admission, agent_id ON discreet.channels
  FOR EACH ROW EXECUTE FUNCTION gate.refuse_shared_and_open();
CREATE TRIGGER shared_and_open AFTER UPDATE OF memory_model ON discreet.agents
  FOR EACH ROW EXECUTE FUNCTION gate.refuse_shared_and_open();
RESET ROLE;
