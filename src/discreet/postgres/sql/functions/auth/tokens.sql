SET ROLE discreet_gate;

-- Return the scope of a token, and nothing else. No row: it is unknown, expired or revoked, was minted
-- by a token that is no longer valid, or its contact is blocked or was merged into another. `shared`:
-- the agent has one memory for all its contacts. The time of last use is written at most once a minute,
-- so that concurrent calls don't wait for each other.
CREATE OR REPLACE FUNCTION gate.token_scope(
  token_digest bytea,
  OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = token_digest AND t.purpose = 'api' AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     AND NOT EXISTS (SELECT FROM discreet.tokens m
                      WHERE m.id = t.minted_by
                        AND (m.revoked_at IS NOT NULL OR m.expires_at <= clock_timestamp()))
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

-- The same, with the ticket of its own transaction: one round trip.
CREATE OR REPLACE FUNCTION gate.token_scope_with_ticket(
  ticket text, token_digest bytea,
  OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.open_scope(ticket);
  RETURN QUERY SELECT t.* FROM gate.token_scope(token_digest) t;
END $$;

-- Notify everybody who waits for an answer that some access changed: a token was revoked, or a contact
-- was blocked, merged or erased. The notification doesn't say which.
CREATE OR REPLACE FUNCTION gate.notify_access_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'access');
  RETURN NULL;
END $$;

-- Return the owner of a token for metrics.
CREATE OR REPLACE FUNCTION gate.metrics_owner(token_digest bytea) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT t.owner_id FROM discreet.tokens t
   WHERE t.digest = token_digest AND t.purpose = 'metrics' AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
$$;

-- Mint a token for one contact, with no more rights than its minter's: the same agent, and no later expiry. A
-- minter's calls run one after the other, so that the limits hold across servers. `code`: why none was minted.
CREATE OR REPLACE FUNCTION gate.mint_token(
  minter uuid, contact uuid, token_prefix text, token_digest bytea, duration interval, max_per_minute integer, max_per_contact integer,
  OUT code text, OUT token_id uuid, OUT ends_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner      uuid := gate.require_owner();
  minter_row discreet.tokens;
  live_count integer;
BEGIN
  SELECT t.* INTO minter_row FROM discreet.tokens t
   WHERE t.id = minter AND t.owner_id = owner AND t.purpose = 'api' AND t.revoked_at IS NULL
     AND t.agent_id IS NOT NULL AND t.contact_id IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     FOR UPDATE;
  IF minter_row.id IS NULL THEN
    code := 'no_such_token';
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM discreet.contacts c
                  WHERE c.id = contact AND c.owner_id = owner AND c.type <> 'group'
                    AND c.blocked_at IS NULL AND c.merged_into IS NULL) THEN
    code := 'no_such_contact';
    RETURN;
  END IF;
  IF (SELECT count(*) FROM discreet.tokens t
       WHERE t.minted_by = minter AND t.created_at > statement_timestamp() - interval '1 minute') >= max_per_minute THEN
    code := 'too_many';
    RETURN;
  END IF;
  SELECT count(*) INTO live_count FROM discreet.tokens t
   WHERE t.minted_by = minter AND t.contact_id = contact AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp();
  -- Each revocation wakes everybody who waits for an answer, so only the surplus is revoked.
  IF live_count >= max_per_contact THEN
    UPDATE discreet.tokens t SET revoked_at = clock_timestamp()
     WHERE t.id IN (SELECT o.id FROM discreet.tokens o
                     WHERE o.minted_by = minter AND o.contact_id = contact AND o.revoked_at IS NULL
                       AND o.expires_at > clock_timestamp()
                     ORDER BY o.created_at, o.id LIMIT live_count - max_per_contact + 1);
  END IF;
  IF EXISTS (SELECT FROM discreet.tokens t
              WHERE t.minted_by = minter AND t.expires_at < clock_timestamp() - interval '2 days') THEN
    DELETE FROM discreet.tokens t
     WHERE t.minted_by = minter AND t.expires_at < clock_timestamp() - interval '1 day';
  END IF;
  INSERT INTO discreet.tokens (owner_id, agent_id, contact_id, prefix, digest, expires_at, minted_by)
  VALUES (owner, minter_row.agent_id, contact, token_prefix, token_digest,
          least(clock_timestamp() + duration, minter_row.expires_at), minter)
  RETURNING id, expires_at INTO token_id, ends_at;
END $$;

REVOKE ALL ON FUNCTION gate.token_scope, gate.token_scope_with_ticket, gate.metrics_owner, gate.mint_token,
  gate.notify_access_changed FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.token_scope, gate.token_scope_with_ticket, gate.metrics_owner TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.mint_token TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.notify_access_changed TO discreet_schema;
