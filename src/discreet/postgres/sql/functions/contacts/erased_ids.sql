-- Which contacts were erased, as digests of their random ids: a restored backup is freed of them again.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.contact_digest(contact uuid) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT encode(sha256(convert_to('erased contact ' || contact::text, 'UTF8')), 'hex')
$$;

-- List every receipt of every owner, for the lists beside the backups: digests, no ids of contacts.
CREATE OR REPLACE FUNCTION gate.erased_contacts()
RETURNS TABLE (receipt uuid, erased_at timestamptz, digests text[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT e.id, e.erased_at, e.digests FROM discreet.erasures e
   WHERE e.digests <> '{}' ORDER BY e.erased_at, e.id
$$;

-- Find the contacts with these digests in a database that is being restored.
CREATE OR REPLACE FUNCTION gate.contacts_with_digests(wanted_digests text[])
RETURNS TABLE (owner_id uuid, contact_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.owner_id, c.id FROM discreet.contacts c
   WHERE gate.contact_digest(c.id) = ANY (wanted_digests) ORDER BY c.owner_id, c.id
$$;

REVOKE ALL ON FUNCTION gate.contact_digest, gate.erased_contacts, gate.contacts_with_digests
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.erased_contacts, gate.contacts_with_digests TO discreet_worker;
