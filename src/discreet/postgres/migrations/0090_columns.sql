-- Nobody who logs in may read a whole table: a right on a table is also one on its system columns, and
-- with `ctid` and `currtid2` a role asks for other people's rows past every policy. So whoever may read a
-- table may read its columns, named one by one. Contacts may not read the keys that policies compare.
-- A migration after this one names the columns itself.
SET ROLE discreet_schema;
DO $$
DECLARE
  it record;
BEGIN
  FOR it IN
    SELECT c.oid::regclass AS of_table, r.role,
           (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND (r.role = 'discreet_owner' OR a.attname NOT IN ('owner_key', 'scope_key'))
           ) AS columns
      FROM pg_class c, unnest(ARRAY['discreet_contact', 'discreet_shared', 'discreet_owner']) AS r (role)
     WHERE c.relnamespace = 'discreet'::regnamespace AND c.relkind = 'r'
       AND has_table_privilege(r.role, c.oid, 'SELECT')
  LOOP
    EXECUTE format('REVOKE SELECT ON %s FROM %I', it.of_table, it.role);
    EXECUTE format('GRANT SELECT (%s) ON %s TO %I', it.columns, it.of_table, it.role);
  END LOOP;
END $$;
-- The gate sees all rows; saying this, it uses the indexes that are closed to senders.
DO $$
DECLARE
  it regclass;
BEGIN
  FOR it IN
    SELECT p.polrelid FROM pg_policy p
      JOIN pg_attribute a ON a.attrelid = p.polrelid AND a.attname = 'owner_key'
     WHERE p.polname = 'gate'
  LOOP
    EXECUTE format('ALTER POLICY gate ON %s USING (owner_key IS NOT NULL)', it);
  END LOOP;
END $$;
-- The version of a row, by which the owner's changes at the same moment are told apart.
GRANT SELECT (xmin) ON discreet.agents, discreet.contacts TO discreet_owner;
CALL discreet.keep_no_statistics();
RESET ROLE;
