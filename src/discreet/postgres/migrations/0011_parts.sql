-- A long answer takes several messages on its platform; those that were taken are not sent again.
SET ROLE discreet_schema;
ALTER TABLE discreet.outbox ADD COLUMN parts_sent integer NOT NULL DEFAULT 0;
GRANT UPDATE (parts_sent, doubted_at) ON discreet.outbox TO discreet_contact, discreet_shared, discreet_owner;

-- An answer that grows on its platform before it is finished: the message there in which it does.
ALTER TABLE discreet.routes ADD COLUMN draft_message text;
ALTER TABLE discreet.routes ADD COLUMN draft_at timestamptz;
COMMENT ON COLUMN discreet.routes.draft_message IS
  'what the platform calls the message in which an answer grows; the next answer takes its place';
COMMENT ON COLUMN discreet.routes.draft_at IS
  'when it was last written; null: nobody knows how it stands there, so it is replaced, not edited';
GRANT UPDATE (draft_message, draft_at) ON discreet.routes
  TO discreet_contact, discreet_shared, discreet_owner;
CALL discreet.keep_no_statistics();
RESET ROLE;
