-- What counts towards a limit is written in the sender's own scope: turns with the tokens they used,
-- messages with their state. Neither can be made to count for less.
SET ROLE discreet_gate;

-- Say whether `given` is a valid token count of a turn whose count was `before`.
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
