-- What a machine shows to come in. A token carries its scope: the owner's (no agent), an agent's, or one
-- contact's with one agent. Only its SHA-256 is kept: 256 random bits need no slow hash.
SET ROLE discreet_schema;

CREATE TABLE discreet.tokens (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id     uuid,
  contact_id   uuid,
  name         text NOT NULL DEFAULT '',
  prefix       text NOT NULL,
  digest       bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  CHECK (contact_id IS NULL OR agent_id IS NOT NULL),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX tokens_owner ON discreet.tokens (owner_id, created_at);
CREATE INDEX tokens_contact ON discreet.tokens (contact_id);
-- Whom an agent knows: who has a session with it, and who spoke to it among others.
CREATE INDEX sessions_party ON discreet.sessions (owner_id, agent_id, party);
CREATE INDEX messages_among_others ON discreet.messages (agent_id, sender_contact_id)
  WHERE contact_id IS NULL OR sender_contact_id <> contact_id;
CALL discreet.keep_no_statistics();

ALTER TABLE discreet.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tokens FORCE ROW LEVEL SECURITY;
CALL discreet.let_see('tokens', 'owner', '{owner_id}', '{owner_id}');
CREATE POLICY gate ON discreet.tokens TO discreet_gate USING (true);
GRANT SELECT (id, owner_id, agent_id, contact_id, name, prefix, created_at, expires_at, revoked_at,
              last_used_at),
      INSERT (agent_id, contact_id, name, prefix, digest, expires_at),
      UPDATE (revoked_at)
  ON discreet.tokens TO discreet_owner;
GRANT SELECT, UPDATE (last_used_at) ON discreet.tokens TO discreet_gate;
RESET ROLE;

SET ROLE discreet_gate;
-- The scope of a token, and nothing else of anybody's. No row: unknown, expired, revoked, or of a
-- contact that is blocked, or was joined with another. `shared`: its agent shares one memory among all. When it was last used is
-- written at most once a minute: many calls at once must not wait for each other.
CREATE FUNCTION gate.token_scope(
  shown bytea,
  OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = shown AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     AND NOT EXISTS (SELECT FROM discreet.contacts c
                      WHERE c.id = t.contact_id
                        AND (c.blocked_at IS NOT NULL OR c.joined_into IS NOT NULL));
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

REVOKE ALL ON FUNCTION gate.token_scope(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.token_scope(bytea) TO discreet_worker;
RESET ROLE;
