SET ROLE discreet_gate;

-- Check whether a message is the owner's code; if so, its sender is the owner from now on. What the
-- account said before stays with the contact that it was. Valid only in a direct chat, once, and before
-- it expires. Wrong codes count against their sender, so that nobody can use up the owner's tries.
CREATE OR REPLACE FUNCTION gate.redeem_owner_code(owner uuid, via discreet.channels, said gate.inbound)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  wanted text := gate.parse_code(said.body);
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
  who := gate.keyed_digest(via.platform || ':' || said.sender_id);
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
  before := gate.find_contact(owner, via.platform, said.sender_id);
  DELETE FROM discreet.pairings p WHERE p.contact_id = before AND p.state = 'pending';
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, of_owner)
  VALUES (owner, via.platform, said.sender_id, NULL, true)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO UPDATE SET contact_id = NULL, of_owner = true;
  PERFORM gate.record_owner_chat(owner, via, said);
  -- Stored as an answered message, so that a repeated delivery is recognised.
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
  PERFORM gate.send_notice(owner, via.agent_id, NULL, said.thread, via.id, said.chat,
                   said.platform_thread,
                   'owner_linked', NULL,
                   said.platform_message);
  RETURN true;
END $$;

-- Create a code for the owner's account on a platform. It replaces the previous ones.
CREATE OR REPLACE FUNCTION gate.make_owner_link(of_platform text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  code  text := gate.generate_code();
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

REVOKE ALL ON FUNCTION gate.redeem_owner_code, gate.make_owner_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.make_owner_link TO discreet_owner;
