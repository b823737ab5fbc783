-- Webhooks that are sent the events of one agent only, and web chats that move to another agent.
SET ROLE discreet_schema;
ALTER TABLE discreet.webhooks ADD COLUMN agent_id uuid;
ALTER TABLE discreet.webhooks
  ADD FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id) ON DELETE CASCADE;
COMMENT ON COLUMN discreet.webhooks.agent_id IS 'whose events are sent; null: of all agents, and of none';
CREATE INDEX webhooks_agent ON discreet.webhooks (agent_id, owner_id);
GRANT SELECT (agent_id), INSERT (agent_id) ON discreet.webhooks TO discreet_owner;
GRANT SELECT (agent_id) ON discreet.webhooks TO discreet_gate;
GRANT UPDATE (agent_id, minter_id) ON discreet.web_chats TO discreet_owner;
