-- Secrets that sign a browser in to the dashboard, beside those of programs.
SET ROLE discreet_schema;
ALTER TABLE discreet.tokens
  ADD COLUMN purpose text NOT NULL DEFAULT 'api' CHECK (purpose IN ('api', 'dashboard', 'sign_in')),
  ADD CHECK (purpose = 'api' OR (agent_id IS NULL AND expires_at IS NOT NULL));
GRANT SELECT (purpose), INSERT (purpose) ON discreet.tokens TO discreet_owner;
GRANT INSERT, UPDATE (revoked_at) ON discreet.tokens TO discreet_gate;
