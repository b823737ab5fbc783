-- A sender's role may lock no table and count itself no lower; indexes that it can use hold its scope.
SET ROLE discreet_gate;
CREATE OR REPLACE FUNCTION gate.is_usage(given jsonb, before jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  kind text;
BEGIN
  FOREACH kind IN ARRAY ARRAY['input_tokens', 'output_tokens'] LOOP
    IF coalesce((given->>kind)::numeric, 0)
         NOT BETWEEN coalesce((before->>kind)::numeric, 0) AND 1000000000000 THEN
      RETURN false;
    END IF;
  END LOOP;
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION gate.refuse_to_count_less() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'counts_less' USING ERRCODE = 'insufficient_privilege';
END $$;

REVOKE ALL ON FUNCTION gate.is_usage, gate.refuse_to_count_less FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.is_usage
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.refuse_to_count_less TO discreet_schema;
SET ROLE discreet_schema;
REVOKE DELETE ON discreet.memories, discreet.drafts FROM discreet_contact, discreet_shared;
CREATE TRIGGER stay_counted BEFORE UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.state = 'context' AND OLD.state <> 'context'
    AND session_user IN ('discreet_contact', 'discreet_shared'))
  EXECUTE FUNCTION gate.refuse_to_count_less();
CREATE TRIGGER stay_counted BEFORE UPDATE OF usage ON discreet.turns
  FOR EACH ROW WHEN (session_user IN ('discreet_contact', 'discreet_shared')
    AND (NOT gate.is_usage(NEW.usage, OLD.usage)))
  EXECUTE FUNCTION gate.refuse_to_count_less();
DROP INDEX discreet.outbox_session, discreet.attachments_session, discreet.messages_among_others;
CREATE INDEX outbox_session ON discreet.outbox (session_id, owner_id, agent_id, party);
CREATE INDEX attachments_session
  ON discreet.attachments (session_id, owner_id, agent_id, party);
CREATE INDEX messages_among_others
  ON discreet.messages (agent_id, sender_contact_id)
  WHERE (contact_id IS NULL OR (sender_contact_id <> contact_id)) AND owner_key IS NOT NULL;
