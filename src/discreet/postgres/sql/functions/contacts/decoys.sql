-- Decoys: contacts that nobody writes as, known to each agent, whose memories hold secrets that no text
-- has a reason to hold. Policies hide them from their owner, and from the gate as contacts.
SET ROLE discreet_gate;

-- Create the missing decoys, and delete the secrets that are no longer among `facts`. A decoy has the name and
-- the fact at the same index. Returns how many memories were created.
CREATE OR REPLACE FUNCTION gate.sync_decoys(names text[], facts text[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent   record;
  contact uuid;
  created integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: decoys', 0));
  DELETE FROM discreet.memories m WHERE m.decoy AND m.owner_key IS NOT NULL AND m.content <> ALL (facts);
  FOR agent IN SELECT a.owner_id, a.id FROM discreet.agents a
                 JOIN discreet.owners o ON o.id = a.owner_id
                WHERE o.name <> 'sb audit' ORDER BY a.created_at, a.id LOOP
    FOR nth IN 1 .. cardinality(facts) LOOP
      CONTINUE WHEN EXISTS (
        SELECT FROM discreet.memories m
         WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = agent.owner_id AND m.agent_id = agent.id
           AND m.content = facts[nth]);
      SELECT m.contact_id INTO contact FROM discreet.memories m
       WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = agent.owner_id AND m.content = facts[nth] LIMIT 1;
      IF NOT FOUND THEN
        contact := gen_random_uuid();
        INSERT INTO discreet.contacts (id, owner_id, name, decoy)
        VALUES (contact, agent.owner_id, names[nth], true);
      END IF;
      -- Not indexed: the owner's recall doesn't even meet it.
      INSERT INTO discreet.memories (owner_id, agent_id, contact_id, shared, content, salience,
                                     embedder, decoy)
      VALUES (agent.owner_id, agent.id, contact, false, facts[nth], 'critical', '', true);
      created := created + 1;
    END LOOP;
  END LOOP;
  RETURN created;
END $$;

-- Return the decoys of the calling owner, who asked for them.
CREATE OR REPLACE FUNCTION gate.decoys() RETURNS TABLE (agent_id uuid, contact_id uuid, content text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.content FROM discreet.memories m
                WHERE m.decoy AND m.owner_key IS NOT NULL AND m.owner_id = owner ORDER BY m.agent_id, m.content;
END $$;

REVOKE ALL ON FUNCTION gate.sync_decoys, gate.decoys FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.sync_decoys TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.decoys TO discreet_owner;
