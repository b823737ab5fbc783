SET ROLE discreet_gate;

-- The scope of a token, and nothing else of anybody's. No row: unknown, expired, revoked, or of a
-- contact that is blocked, or was merged into another. `shared`: its agent shares one memory among all. When it was last used is
-- written at most once a minute: many calls at once must not wait for each other.
CREATE OR REPLACE FUNCTION gate.token_scope(
  shown bytea,
  OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = shown AND t.purpose = 'api' AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     AND NOT EXISTS (SELECT FROM discreet.contacts c
                      WHERE c.id = t.contact_id
                        AND (c.blocked_at IS NOT NULL OR c.merged_into IS NOT NULL));
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute' THEN
    UPDATE discreet.tokens t SET last_used_at = clock_timestamp()
     WHERE t.id = (SELECT o.id FROM discreet.tokens o WHERE o.id = found.id FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found.id, found.owner_id, found.agent_id, found.contact_id,
    coalesce((SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = found.agent_id),
             false);
END $$;

-- Said on the channel that everybody who waits for an answer hears (0061): a token was revoked, or a contact
-- blocked, merged or erased. It doesn't say which.
CREATE OR REPLACE FUNCTION gate.tell_of_access() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'access');
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.token_scope, gate.tell_of_access FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.token_scope TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.tell_of_access TO discreet_schema;
