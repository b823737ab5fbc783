-- What came with a message beside its words, what it replies to, and edits that replace its text.
SET ROLE discreet_schema;
ALTER TABLE discreet.messages
  ADD COLUMN details jsonb,
  ADD COLUMN replies_to uuid,
  ADD COLUMN edited_by text,
  ADD COLUMN restarted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN discreet.messages.details IS
  'what came beside the words: typed parts, a quote, whom it was forwarded from; null: nothing';
COMMENT ON COLUMN discreet.messages.replies_to IS
  'the line of the same chat and scope that this replies to; no key, for that line may be erased';
COMMENT ON COLUMN discreet.messages.edited_by IS
  'what the platform calls the edit whose text this has';
COMMENT ON COLUMN discreet.messages.restarted IS
  'a turn with it began again because of an edit; that happens once';
ALTER TABLE discreet.messages
  ALTER COLUMN details SET STATISTICS 0,
  ALTER COLUMN edited_by SET STATISTICS 0;
GRANT SELECT (details, replies_to, edited_by, restarted) ON discreet.messages
  TO discreet_contact, discreet_shared, discreet_owner;
ALTER TABLE discreet.turns
  ADD COLUMN acted boolean NOT NULL DEFAULT false,
  DROP CONSTRAINT turns_state_check,
  ADD CONSTRAINT turns_state_check CHECK (
    state IN ('running', 'answered', 'failed', 'given_up', 'lost', 'stopped', 'restarted'));
COMMENT ON COLUMN discreet.turns.acted IS
  'it called a tool that changes something, so it must not begin again';
GRANT SELECT (acted), UPDATE (acted) ON discreet.turns
  TO discreet_contact, discreet_shared, discreet_owner;
SET ROLE discreet_gate;
ALTER TYPE gate.inbound ADD ATTRIBUTE details jsonb, ADD ATTRIBUTE edit_of text;
