-- What counts towards a limit is written in the sender's own scope: turns with the tokens they used,
-- messages with their state. Neither can be made to count for less.
SET ROLE discreet_gate;

-- Say whether `given` is a valid token count of a turn whose count was `before`.
CREATE OR REPLACE FUNCTION gate.is_valid_usage(given jsonb, before jsonb) RETURNS boolean
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

CREATE OR REPLACE FUNCTION gate.prevent_undercounting() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'counts_less' USING ERRCODE = 'insufficient_privilege';
END $$;

-- Count what a dry run of a turn used, as the owner's: a turn without any content, in a session of the
-- owner's own. Errors: DS001 no such agent.
CREATE OR REPLACE FUNCTION gate.count_dry_run(agent uuid, of_model text, used jsonb, took interval)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  channel uuid;
  here    discreet.sessions;
BEGIN
  SELECT c.id INTO channel FROM discreet.channels c
   WHERE c.owner_id = owner AND c.agent_id = agent AND c.platform = 'terminal'
     AND c.closed_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_agent' USING ERRCODE = 'DS001';
  END IF;
  here := gate.find_or_create_session(owner, agent, NULL, false, 'dry runs', false);
  INSERT INTO discreet.turns (
    owner_id, agent_id, shared, session_id, route_id, state, model, usage, started_at, finished_at)
  VALUES (owner, agent, false, here.id,
          gate.find_or_create_route(here, channel, 'dry runs', ''), 'answered',
          nullif(of_model, ''), used, clock_timestamp() - took, clock_timestamp());
END $$;

REVOKE ALL ON FUNCTION gate.is_valid_usage, gate.prevent_undercounting, gate.count_dry_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.count_dry_run TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.is_valid_usage
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.prevent_undercounting TO discreet_schema;
