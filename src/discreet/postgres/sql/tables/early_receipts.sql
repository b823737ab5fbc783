-- Receipts that came before the answer was recorded as sent, kept for an hour. Other programs may send
-- through the same account, and receipts for their messages land here too.
SET ROLE discreet_schema;

CREATE TABLE discreet.early_receipts (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id         uuid NOT NULL,
  channel_id       uuid NOT NULL REFERENCES discreet.channels,
  chats            text[] NOT NULL,
  platform_message text NOT NULL,
  stage            text NOT NULL CHECK (stage IN ('delivered', 'read', 'failed')),
  at               timestamptz NOT NULL,
  why              text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX early_receipts_message ON discreet.early_receipts (channel_id, platform_message);
CREATE INDEX early_receipts_age ON discreet.early_receipts (created_at);
ALTER TABLE discreet.early_receipts
  ALTER COLUMN chats SET STATISTICS 0,
  ALTER COLUMN platform_message SET STATISTICS 0,
  ALTER COLUMN stage SET STATISTICS 0,
  ALTER COLUMN why SET STATISTICS 0;
ALTER TABLE discreet.early_receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.early_receipts FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.early_receipts TO discreet_gate USING (true);
GRANT SELECT, INSERT, DELETE ON discreet.early_receipts TO discreet_gate;
