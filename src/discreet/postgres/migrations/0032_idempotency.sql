-- What a machine asked for once under a key of its own (Idempotency-Key), so that asking again doesn't
-- do it twice. Digests and the id of what came of it: no text and nobody's name. Kept for a day.
SET ROLE discreet_schema;

CREATE TABLE discreet.idempotency_keys (
  token_id   uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  digest     bytea NOT NULL,
  owner_id   uuid NOT NULL,
  asked      bytea NOT NULL,
  made       uuid,
  lease      uuid NOT NULL DEFAULT gen_random_uuid(),
  leased_until timestamptz NOT NULL DEFAULT '-infinity',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (token_id, digest)
);
CREATE INDEX idempotency_keys_age ON discreet.idempotency_keys (created_at);
CALL discreet.keep_no_statistics();

ALTER TABLE discreet.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY gate ON discreet.idempotency_keys TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.idempotency_keys TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- state: 'new' (do it, then settle it), 'done' (`made` came of it), 'busy' (somebody is at it), 'other'
-- (the key was used for something else). Whoever is at it holds a lease, for so long, and renews it; with
-- its lease it settles the key. One that isn't renewed belongs to somebody who has died.
CREATE FUNCTION gate.claim_idempotency_key(
  token uuid, shown bytea, wanted bytea, so_long interval,
  OUT state text, OUT made uuid, OUT lease uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before discreet.idempotency_keys;
BEGIN
  DELETE FROM discreet.idempotency_keys k WHERE k.created_at < clock_timestamp() - interval '1 day';
  lease := gen_random_uuid();
  INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, asked, lease, leased_until)
    SELECT t.id, shown, t.owner_id, wanted, lease, clock_timestamp() + so_long
      FROM discreet.tokens t WHERE t.id = token
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    state := 'new';
    RETURN;
  END IF;
  SELECT k.* INTO before FROM discreet.idempotency_keys k
   WHERE k.token_id = token AND k.digest = shown FOR UPDATE;
  IF before.asked <> wanted THEN
    state := 'other';
  ELSIF before.made IS NOT NULL THEN
    state := 'done';
    made := before.made;
  ELSIF before.leased_until < clock_timestamp() THEN
    UPDATE discreet.idempotency_keys k
       SET lease = claim_idempotency_key.lease, leased_until = clock_timestamp() + so_long
     WHERE k.token_id = token AND k.digest = shown;
    state := 'new';
  ELSE
    state := 'busy';
  END IF;
END $$;

-- Whether the lease still holds; then it does so much longer.
CREATE FUNCTION gate.renew_idempotency_key(token uuid, shown bytea, held uuid, so_long interval)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.idempotency_keys k SET leased_until = clock_timestamp() + so_long
   WHERE k.token_id = token AND k.digest = shown AND k.lease = held AND k.made IS NULL;
  RETURN FOUND;
END $$;

-- `result` null: nothing came of it, and the key is free again. Who has lost the lease changes nothing.
CREATE FUNCTION gate.settle_idempotency_key(token uuid, shown bytea, held uuid, result uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF result IS NULL THEN
    DELETE FROM discreet.idempotency_keys k
     WHERE k.token_id = token AND k.digest = shown AND k.lease = held AND k.made IS NULL;
  ELSE
    UPDATE discreet.idempotency_keys k SET made = result
     WHERE k.token_id = token AND k.digest = shown AND k.lease = held;
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.claim_idempotency_key(uuid, bytea, bytea, interval),
  gate.renew_idempotency_key(uuid, bytea, uuid, interval),
  gate.settle_idempotency_key(uuid, bytea, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.claim_idempotency_key(uuid, bytea, bytea, interval),
  gate.renew_idempotency_key(uuid, bytea, uuid, interval),
  gate.settle_idempotency_key(uuid, bytea, uuid, uuid) TO discreet_worker;
RESET ROLE;
