-- What a turn was given and did (prompt, steps, usage) is for the owner to look at. Its own session
-- writes it, and reads of a turn only what it needs to go on.
SET ROLE discreet_schema;
REVOKE SELECT ON discreet.turns FROM discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, state,
              attempt, model, error, started_at, finished_at)
  ON discreet.turns TO discreet_contact, discreet_shared;
RESET ROLE;
