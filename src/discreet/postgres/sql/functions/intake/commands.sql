-- Commands that senders give to the program rather than the agent, and how several messages written in
-- quick succession become one turn.
SET ROLE discreet_gate;

-- Return the command in a text, or null; anything else goes to the agent. The owner, in a session of
-- their own, has other commands than contacts have.
CREATE OR REPLACE FUNCTION gate.parse_command(body text, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.word FROM (SELECT substring(replace(lower(left(body, 40)), '/erase_me', '/erase-me') FROM CASE WHEN of_owner
      -- With a code behind it, as it is written in what the owner is told, it is one word to tap.
      THEN '^/([a-z]+)(?:[[:space:]_]|$)' ELSE '^/([a-z]+(?:-me)?)(?:[[:space:]]|$)' END)) c(word)
   WHERE c.word = ANY (CASE WHEN of_owner
     THEN ARRAY['start', 'help', 'new', 'stop', 'pairing', 'approve', 'deny', 'status', 'contacts',
                'who', 'takeover', 'end', 'block', 'unblock', 'pause', 'resume', 'usage',
                'drafts', 'edit', 'reject', 'reminders', 'connections']
     ELSE ARRAY['start', 'help', 'new', 'stop', 'memories', 'forget', 'undo', 'export', 'link', 'timezone',
                'human', 'reminders', 'connections', 'why', 'who', 'erase-me'] END)
$$;

-- Return the command in a message, or null. STOP and START alone are commands of a person in a direct
-- chat.
CREATE OR REPLACE FUNCTION gate.message_command(said gate.inbound, contact uuid, of_all boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF starts_with(said.body, '/') THEN
    RETURN gate.parse_command(said.body, contact IS NULL AND NOT of_all);
  ELSIF contact IS NOT NULL AND said.group_id IS NULL AND length(said.body) <= 80 THEN
    RETURN gate.record_opt_out(contact, said.body);
  END IF;
  RETURN NULL;
END $$;

-- One word of the owner's that decides what they were told of, where something waits for that. Called by
-- functions of the gate alone.
CREATE OR REPLACE FUNCTION gate.parse_owner_decision(owner uuid, body text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.word FROM (SELECT lower(btrim(left(body, 40), E' \n.!'))) c(word)
   WHERE (c.word IN ('approve', 'deny')
          AND EXISTS (SELECT FROM discreet.pairings p
                       WHERE p.owner_id = owner AND p.state = 'pending'))
      OR (c.word IN ('approve', 'reject')
          AND EXISTS (SELECT FROM discreet.held_answers h
                       WHERE h.owner_id = owner AND h.state = 'waiting'))
$$;

-- Remove the agent's name from the start of a message, as used in groups; return the text unchanged if
-- nothing is left after it.
CREATE OR REPLACE FUNCTION gate.strip_agent_name(said gate.inbound, agent text) RETURNS gate.inbound
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  front text := '^\s*(@' || regexp_replace(agent, '([^[:alnum:]])', '\\\1', 'g')
                || '(?![[:alnum:]_])([!?.\u2026\u061f]+(?=\s|$))?'
                || '[[:space:],:;\u060c\u061b\uff0c\u3001\uff1a\uff1b\uff01\uff1f\u3002]*'
                || '([\u2014\u2013-]+\s*(?=/))?)+';
  rest  text := regexp_replace(said.body, front, '', 'i');
BEGIN
  IF rest <> '' THEN
    said.body := rest;
    IF said.details IS NOT NULL THEN
      said.details := jsonb_set(
        said.details, '{text}', to_jsonb(regexp_replace(said.details->>'text', front, '', 'i')));
    END IF;
  END IF;
  RETURN said;
END $$;

REVOKE ALL ON FUNCTION gate.parse_command, gate.message_command, gate.parse_owner_decision, gate.strip_agent_name FROM PUBLIC;
