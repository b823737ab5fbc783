-- Channels come and go. One that was removed stays as a row, since conversations lead to it, and the
-- same account may then lead to another agent. Its token is in channel_secrets.
SET ROLE discreet_schema;
ALTER TABLE discreet.channels ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE discreet.channels ADD COLUMN closed_at timestamptz;
-- A branch: one chat of a channel (a group, or somebody's direct chat) that leads to another agent.
ALTER TABLE discreet.channels ADD UNIQUE (id, owner_id, platform, account);
ALTER TABLE discreet.channels
  ADD COLUMN parent_id uuid,
  ADD COLUMN only_chat text CHECK (only_chat <> ''),
  ADD CHECK ((parent_id IS NULL) = (only_chat IS NULL)),
  ADD FOREIGN KEY (parent_id, owner_id, platform, account)
    REFERENCES discreet.channels (id, owner_id, platform, account);
COMMENT ON COLUMN discreet.channels.only_chat IS
  'the chat, or the group or direct sender in it, as the platform calls it; null: all that have none of their own';
ALTER TABLE discreet.channels DROP CONSTRAINT channels_owner_id_platform_account_key;
CREATE UNIQUE INDEX channels_open ON discreet.channels (owner_id, platform, account, only_chat)
  NULLS NOT DISTINCT WHERE closed_at IS NULL;
CREATE INDEX channels_branches ON discreet.channels (parent_id, only_chat, owner_id)
  WHERE parent_id IS NOT NULL;
GRANT INSERT (name, parent_id, only_chat), UPDATE (name, closed_at) ON discreet.channels
  TO discreet_owner;
GRANT UPDATE (only_chat) ON discreet.channels TO discreet_gate;
CALL discreet.keep_no_statistics();
RESET ROLE;
