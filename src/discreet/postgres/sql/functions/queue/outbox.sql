SET ROLE discreet_gate;

-- What is put into the outbox is delivered; nobody has to think of it.
CREATE OR REPLACE FUNCTION gate.deliver_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.defer_delivery(NEW.route_id, NULL);
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.deliver_outbox FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.deliver_outbox TO discreet_schema;
