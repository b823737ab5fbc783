SET ROLE discreet_gate;

-- Send a chat a fixed text of the gate's own: a message of the session that is not part of the
-- conversation. `notice` is a code of gate.notices; '{code}' in its text is replaced.
CREATE OR REPLACE FUNCTION gate.send_notice(
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
          (SELECT replace(n.text, '{code}', coalesce(send_notice.code, '')) FROM gate.notices n
            WHERE n.code = notice),
          'notice', in_reply_to)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, agent, party, here.shared, here.id, route);
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.send_notice FROM PUBLIC;
