-- Servers are told when a channel is added, closed or gets another secret.
SET ROLE discreet_gate;
CREATE OR REPLACE FUNCTION gate.tell_of_channels() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'channels');
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION gate.tell_of_channels FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.tell_of_channels TO discreet_schema;
SET ROLE discreet_schema;
CREATE TRIGGER tell_of_channels AFTER INSERT OR DELETE OR UPDATE OF closed_at ON discreet.channels
  FOR EACH STATEMENT EXECUTE FUNCTION gate.tell_of_channels();
CREATE TRIGGER tell_of_channels AFTER INSERT OR DELETE OR UPDATE ON discreet.channel_secrets
  FOR EACH STATEMENT EXECUTE FUNCTION gate.tell_of_channels();
