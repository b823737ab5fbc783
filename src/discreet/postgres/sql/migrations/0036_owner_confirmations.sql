-- Calls of tools that need the owner's yes.
SET ROLE discreet_schema;
ALTER TABLE discreet.tool_calls DROP CONSTRAINT tool_calls_state_check;
ALTER TABLE discreet.tool_calls ADD CONSTRAINT tool_calls_state_check
  CHECK (state IN ('waiting', 'approved', 'begun', 'refused', 'replaced', 'done'));
ALTER TABLE discreet.tool_calls
  ADD COLUMN decider text NOT NULL DEFAULT 'contact' CHECK (decider IN ('contact', 'owner')),
  ADD COLUMN route_id uuid;
ALTER TABLE discreet.tool_calls ALTER COLUMN decider SET STATISTICS 0;
COMMENT ON COLUMN discreet.tool_calls.decider IS 'whose yes it needs';
COMMENT ON COLUMN discreet.tool_calls.route_id IS
  'where its turn answered, and where the call is made; no foreign key, it ends with the session''s';
GRANT SELECT (decider, route_id) ON discreet.tool_calls TO discreet_owner;
ALTER TABLE discreet.owner_notices DROP CONSTRAINT owner_notices_kind_check;
ALTER TABLE discreet.owner_notices ADD CONSTRAINT owner_notices_kind_check
  CHECK (kind IN (
    'stranger', 'person', 'draft', 'said', 'failure', 'limit', 'undelivered', 'channel', 'call'));
