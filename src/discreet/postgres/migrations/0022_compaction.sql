-- A conversation that has grown long goes on with a summary of what was said up to a position. The
-- summary is a memory like any other: it can be forgotten, and then nothing stands for it.
SET ROLE discreet_schema;
ALTER TABLE discreet.sessions
  ADD COLUMN compacted_to bigint NOT NULL DEFAULT 0,
  ADD COLUMN summary_id uuid;
COMMENT ON COLUMN discreet.sessions.compacted_to IS
  'the last message that the summary stands for; the messages themselves stay';
COMMENT ON COLUMN discreet.sessions.summary_id IS
  'a memory of the same party, or it counts for nothing; no foreign key, for that would tell which ids exist';
GRANT UPDATE (compacted_to, summary_id) ON discreet.sessions
  TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;
