-- What the owner's pages ask of every contact: who wrote last, who is blocked, who is answered in person.
SET ROLE discreet_schema;
CREATE INDEX sessions_recent
  ON discreet.sessions (owner_id, last_message_at) WHERE owner_key IS NOT NULL;
CREATE INDEX contacts_blocked
  ON discreet.contacts (owner_id, blocked_at)
  WHERE blocked_at IS NOT NULL AND owner_key IS NOT NULL;
CREATE INDEX contacts_taken_over
  ON discreet.contacts (owner_id, taken_over_at)
  WHERE taken_over_at IS NOT NULL AND owner_key IS NOT NULL;
