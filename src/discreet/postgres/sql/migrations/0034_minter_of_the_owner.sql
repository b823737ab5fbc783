-- A web chat's minter is a token of the same owner: the key of the id alone told which ids exist.
SET ROLE discreet_schema;
ALTER TABLE discreet.tokens ADD CONSTRAINT tokens_id_owner_id_key UNIQUE (id, owner_id);
ALTER TABLE discreet.web_chats DROP CONSTRAINT web_chats_minter_id_fkey;
ALTER TABLE discreet.web_chats
  ADD CONSTRAINT web_chats_minter_id_owner_id_fkey FOREIGN KEY (minter_id, owner_id)
  REFERENCES discreet.tokens (id, owner_id) ON DELETE CASCADE;
