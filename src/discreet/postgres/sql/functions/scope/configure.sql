SET ROLE discreet_gate;

-- Set the given values; the others stay as they are.
CREATE OR REPLACE FUNCTION gate.configure(numbers jsonb, texts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before gate.policy;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: configure', 0));
  DELETE FROM gate.policy p RETURNING p.* INTO before;
  before.one := true;
  INSERT INTO gate.policy SELECT (jsonb_populate_record(before, numbers)).*;
  INSERT INTO gate.notices (code, text) SELECT t.key, t.value FROM jsonb_each_text(texts) t
  ON CONFLICT (code) DO UPDATE SET text = excluded.text WHERE notices.text <> excluded.text;
END $$;

-- Return the numbers in force, by name.
CREATE OR REPLACE FUNCTION gate.current_policy() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT to_jsonb(p) - 'one' FROM gate.policy p
$$;

REVOKE ALL ON FUNCTION gate.configure, gate.current_policy FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.configure, gate.current_policy TO discreet_worker;
