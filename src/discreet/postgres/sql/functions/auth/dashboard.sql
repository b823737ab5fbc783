SET ROLE discreet_gate;

-- Exchange a one-time code for a dashboard session. Null: the code is wrong, used or expired. Of two
-- callers with the same code, the second waits and then finds it used.
CREATE OR REPLACE FUNCTION gate.sign_in(code_digest bytea, session_digest bytea, device text, duration interval)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid;
  result uuid;
BEGIN
  UPDATE discreet.tokens t SET revoked_at = clock_timestamp()
   WHERE t.digest = code_digest AND t.purpose = 'sign_in' AND t.revoked_at IS NULL
     AND t.expires_at > clock_timestamp()
   RETURNING t.owner_id INTO owner;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.tokens (owner_id, name, prefix, digest, expires_at, purpose)
  VALUES (owner, device, '', session_digest, clock_timestamp() + duration, 'dashboard')
  RETURNING id INTO result;
  RETURN result;
END $$;

-- Find the owner of a dashboard session. No row: it is unknown, expired or revoked. The time of last
-- use is written at most once a minute.
CREATE OR REPLACE FUNCTION gate.dashboard_session(session_digest bytea, OUT session_id uuid, OUT owner_id uuid)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = session_digest AND t.purpose = 'dashboard' AND t.revoked_at IS NULL
     AND t.expires_at > clock_timestamp();
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute' THEN
    UPDATE discreet.tokens t SET last_used_at = clock_timestamp()
     WHERE t.id = (SELECT o.id FROM discreet.tokens o WHERE o.id = found.id FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found.id, found.owner_id;
END $$;

REVOKE ALL ON FUNCTION gate.sign_in, gate.dashboard_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.sign_in, gate.dashboard_session TO discreet_worker;
