-- The gate deletes agents, and moves what belongs to one to another.
SET ROLE discreet_schema;
GRANT UPDATE (agent_id) ON discreet.routes, discreet.attachments, discreet.turns, discreet.outbox,
  discreet.memory_history TO discreet_gate;
GRANT UPDATE (agent_id, closed_at), DELETE ON discreet.channels TO discreet_gate;
GRANT DELETE ON discreet.agents TO discreet_gate;
