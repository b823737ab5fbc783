-- What the owner has read, and indexes for the owner's pages and for erasures.
SET ROLE discreet_schema;
ALTER TABLE discreet.sessions ADD COLUMN seen_at timestamptz;
COMMENT ON COLUMN discreet.sessions.seen_at IS
  'when the owner last looked at it; what was said since then is unread';
GRANT SELECT (seen_at), UPDATE (seen_at) ON discreet.sessions TO discreet_owner;
ALTER TABLE discreet.owners ADD COLUMN seen_at timestamptz NOT NULL DEFAULT clock_timestamp();
COMMENT ON COLUMN discreet.owners.seen_at IS
  'what was said before then counts as read';
GRANT SELECT (seen_at), UPDATE (seen_at) ON discreet.owners TO discreet_owner;
CREATE INDEX messages_day
  ON discreet.messages (owner_id, created_at, direction, owner_key) WHERE owner_key IS NOT NULL;
CREATE INDEX messages_sender
  ON discreet.messages (owner_id, sender_address)
  WHERE sender_address <> '' AND owner_key IS NOT NULL;
CREATE INDEX memories_recent
  ON discreet.memories (owner_id, created_at, id)
  INCLUDE (agent_id, owner_key) WHERE owner_key IS NOT NULL;
