SET ROLE discreet_gate;

-- Claim a key. state: 'new' (do the work, then settle the key), 'done' (with `result`), 'busy'
-- (another caller is doing it), 'other' (the key was used for a different request). The caller that
-- does the work holds a lease and renews it; only with a valid lease can it settle the key. An expired
-- lease means that its holder died.
CREATE OR REPLACE FUNCTION gate.claim_idempotency_key(
  token uuid, key_digest bytea, request_digest bytea, lease_duration interval,
  OUT state text, OUT result uuid, OUT lease uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  existing discreet.idempotency_keys;
BEGIN
  DELETE FROM discreet.idempotency_keys k WHERE k.created_at < statement_timestamp() - interval '1 day';
  lease := gen_random_uuid();
  INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, request_digest, lease, leased_until)
    SELECT t.id, key_digest, t.owner_id, request_digest, lease, clock_timestamp() + lease_duration
      FROM discreet.tokens t WHERE t.id = token
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    state := 'new';
    RETURN;
  END IF;
  SELECT k.* INTO existing FROM discreet.idempotency_keys k
   WHERE k.token_id = token AND k.digest = key_digest FOR UPDATE;
  IF existing.request_digest <> request_digest THEN
    state := 'other';
  ELSIF existing.result_id IS NOT NULL THEN
    state := 'done';
    result := existing.result_id;
  ELSIF existing.leased_until < clock_timestamp() THEN
    UPDATE discreet.idempotency_keys k
       SET lease = claim_idempotency_key.lease, leased_until = clock_timestamp() + lease_duration
     WHERE k.token_id = token AND k.digest = key_digest;
    state := 'new';
  ELSE
    state := 'busy';
  END IF;
END $$;

-- Extend the lease. False: it was lost.
CREATE OR REPLACE FUNCTION gate.renew_idempotency_key(token uuid, key_digest bytea, held_lease uuid, lease_duration interval)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.idempotency_keys k SET leased_until = clock_timestamp() + lease_duration
   WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease AND k.result_id IS NULL;
  RETURN FOUND;
END $$;

-- Record the result. `result` null: there is none, and the key can be used again. Without a valid lease
-- nothing changes.
CREATE OR REPLACE FUNCTION gate.settle_idempotency_key(token uuid, key_digest bytea, held_lease uuid, result uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF result IS NULL THEN
    DELETE FROM discreet.idempotency_keys k
     WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease AND k.result_id IS NULL;
  ELSE
    UPDATE discreet.idempotency_keys k SET result_id = result
     WHERE k.token_id = token AND k.digest = key_digest AND k.lease = held_lease;
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.claim_idempotency_key, gate.renew_idempotency_key,
  gate.settle_idempotency_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.claim_idempotency_key, gate.renew_idempotency_key,
  gate.settle_idempotency_key TO discreet_worker;
