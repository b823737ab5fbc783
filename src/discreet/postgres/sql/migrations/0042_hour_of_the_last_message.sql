-- A message changes its session three times. The index of the inbox knew the moment of the last message, so two of
-- these changes were entered into every index of sessions; now it knows the hour. New versions of a row stay on
-- its page, where there is room for them.
SET ROLE discreet_schema;
DROP INDEX discreet.sessions_recent;
ALTER TABLE discreet.sessions SET (fillfactor = 85);
ALTER TABLE discreet.sessions ADD COLUMN active_hour integer GENERATED ALWAYS AS (
    floor(extract(epoch FROM last_message_at - timestamptz '1970-01-01 00:00:00+00') / 3600)) STORED;
COMMENT ON COLUMN discreet.sessions.active_hour IS
  'the hour of the last message, since 1970. Indexed in its place: a message writes no index as long as the hour is the same';
CREATE INDEX sessions_recent
  ON discreet.sessions (owner_id, active_hour) WHERE owner_key IS NOT NULL;
GRANT SELECT (active_hour) ON discreet.sessions TO discreet_owner;
