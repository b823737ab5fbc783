-- The owners that an audit makes up: tenants of their own, with agents like those of the
-- installation and with people who don't exist. Nothing of them is anybody else's.
SET ROLE discreet_gate;

-- Begin an audit: create an owner for it. Whatever it makes belongs to this owner.
CREATE OR REPLACE FUNCTION gate.begin_audit() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  INSERT INTO discreet.owners (name) VALUES ('sb audit') RETURNING id INTO result;
  RETURN result;
END $$;

-- The audits that nobody has ended: a running one, or one whose process was killed.
CREATE OR REPLACE FUNCTION gate.open_audits() RETURNS TABLE (owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id FROM discreet.owners o WHERE o.name = 'sb audit' ORDER BY o.created_at, o.id
$$;

-- Delete everything of an audit's owner, and the owner. Returns the receipt: how many rows of each
-- table, and how many jobs. An owner that no audit made is left alone (DS001). Reference texts were
-- deleted before, by the owner's role.
CREATE OR REPLACE FUNCTION gate.end_audit(audit uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sessions uuid[];
  of_table text;
  many     bigint;
  deleted  bigint;
  kept     text;
  counts   jsonb;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: audit ' || audit, 0));
  PERFORM 1 FROM discreet.owners o WHERE o.id = audit AND o.name = 'sb audit';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_audit' USING ERRCODE = 'DS001';
  END IF;
  -- Turns and deliveries lock the row of their session.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.owner_id = audit ORDER BY s.id FOR UPDATE) s;
  counts := jsonb_build_object('jobs', gate.drop_jobs(sessions));
  UPDATE discreet.sessions s SET summary_id = NULL WHERE s.owner_id = audit;
  -- Until a pass finds nothing more: some rows can go only after those that refer to them, and a
  -- deleted memory leaves a copy in its history.
  LOOP
    deleted := 0;
    kept := NULL;
    FOR of_table IN SELECT c.relname FROM pg_class c
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'owner_id'
                     WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'
                       AND has_table_privilege(c.oid, 'DELETE') ORDER BY 1 LOOP
      BEGIN
        EXECUTE format('DELETE FROM discreet.%I t WHERE t.owner_id = $1', of_table) USING audit;
        GET DIAGNOSTICS many = ROW_COUNT;
        deleted := deleted + many;
        IF many > 0 THEN
          counts := jsonb_set(counts, ARRAY[of_table],
                              to_jsonb(coalesce((counts->>of_table)::bigint, 0) + many));
        END IF;
      EXCEPTION WHEN foreign_key_violation THEN
        kept := of_table;
      END;
    END LOOP;
    EXIT WHEN deleted = 0;
  END LOOP;
  IF kept IS NOT NULL THEN
    RAISE EXCEPTION 'audit_not_ended' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.owners o WHERE o.id = audit;
  RETURN counts || '{"owners": 1}';
END $$;

-- Return the owner of the decoys, whose secrets no text has a reason to hold. Made once.
CREATE OR REPLACE FUNCTION gate.decoy_owner() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: decoys', 0));
  SELECT o.id INTO result FROM discreet.owners o WHERE o.name = 'sb decoys'
   ORDER BY o.created_at, o.id LIMIT 1;
  IF NOT FOUND THEN
    INSERT INTO discreet.owners (name) VALUES ('sb decoys') RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.decoy_owner, gate.begin_audit, gate.open_audits, gate.end_audit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.decoy_owner, gate.begin_audit, gate.open_audits, gate.end_audit TO discreet_worker;
