-- Decoys are contacts of each owner, and hidden from it.
SET ROLE discreet_schema;
ALTER TABLE discreet.contacts ADD COLUMN decoy boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN discreet.contacts.decoy IS
  'nobody writes as it, and its memories hold random secrets; the owner isn''t shown it';
ALTER TABLE discreet.memories ADD COLUMN decoy boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN discreet.memories.decoy IS
  'a random secret of a decoy, which nobody has a reason to read; the owner isn''t shown it';
DROP INDEX discreet.memories_recent;
CREATE INDEX memories_recent
  ON discreet.memories (owner_id, created_at, id)
  INCLUDE (agent_id, owner_key) WHERE owner_key IS NOT NULL AND NOT decoy;
CREATE INDEX memories_decoys
  ON discreet.memories (owner_id, agent_id) WHERE decoy AND owner_key IS NOT NULL;
GRANT SELECT (decoy) ON discreet.contacts, discreet.memories TO discreet_owner;
ALTER POLICY owner ON discreet.contacts
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s) AND NOT decoy);
ALTER POLICY gate ON discreet.contacts
  USING (owner_key IS NOT NULL AND NOT decoy)
  WITH CHECK (owner_key IS NOT NULL);
ALTER POLICY owner ON discreet.memories
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s) AND NOT decoy);
-- Until now they had an owner of their own. What an audit has left, the next server deletes.
GRANT UPDATE (name) ON discreet.owners TO discreet_gate;
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.decoy_owner();
UPDATE discreet.owners SET name = 'sb audit' WHERE name = 'sb decoys';
SET ROLE discreet_schema;
REVOKE UPDATE (name) ON discreet.owners FROM discreet_gate;
