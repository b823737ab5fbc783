-- Tokens that an agent's token mints for one contact, and tokens that show metrics alone.
SET ROLE discreet_schema;
ALTER TABLE discreet.tokens
  DROP CONSTRAINT tokens_purpose_check,
  DROP CONSTRAINT tokens_check1,
  ADD COLUMN minted_by uuid REFERENCES discreet.tokens ON DELETE CASCADE;
ALTER TABLE discreet.tokens
  ADD CONSTRAINT tokens_purpose_check CHECK (purpose IN ('api', 'metrics', 'dashboard', 'sign_in')),
  ADD CONSTRAINT tokens_check1 CHECK (purpose = 'api' OR agent_id IS NULL),
  ADD CHECK (purpose IN ('api', 'metrics') OR expires_at IS NOT NULL),
  ADD CHECK (minted_by IS NULL OR (purpose = 'api' AND contact_id IS NOT NULL AND expires_at IS NOT NULL));
CREATE INDEX tokens_minted ON discreet.tokens (minted_by, contact_id);
GRANT SELECT (minted_by) ON discreet.tokens TO discreet_owner;
