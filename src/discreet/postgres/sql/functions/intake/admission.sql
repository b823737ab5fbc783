-- Admission, by channel: 'open' (anybody who isn't denied), 'pairing' (a stranger gets a code and waits
-- for the owner's approval), 'allowlist' (only those whom the owner named). The terminal belongs to
-- whoever runs the installation, and is not checked.
SET ROLE discreet_gate;

-- Say why a message is refused: 'blocked'; 'linked' (it was the owner's code); 'aside' (a stranger's,
-- held until they are admitted); 'stranger' (not held); or null.
CREATE OR REPLACE FUNCTION gate.admission_refusal(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  sender  uuid := gate.find_contact(owner, said.sender_platform, said.sender_id);
  a_group uuid := CASE WHEN said.group_id IS NOT NULL
    THEN gate.find_contact(owner, said.group_platform, said.group_id) END;
  party   uuid := CASE WHEN said.group_id IS NULL THEN sender ELSE a_group END;
BEGIN
  IF EXISTS (SELECT 1 FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.blocked_at IS NOT NULL
                AND c.id IN (said.sender_contact, sender, a_group)) THEN
    RETURN 'blocked';
  END IF;
  IF via.platform = 'terminal' OR said.sender_kind NOT IN ('address', 'group') THEN
    RETURN NULL;
  END IF;
  IF gate.redeem_owner_code(owner, via, said) THEN
    RETURN 'linked';
  END IF;
  IF (via.admission = 'open'
      AND NOT EXISTS (SELECT 1 FROM discreet.pairings p
                       WHERE p.channel_id IN (via.id, via.parent_id) AND p.contact_id = party
                         AND p.state = 'denied'))
     OR EXISTS (SELECT 1 FROM discreet.admissions a
                 WHERE a.channel_id IN (via.id, via.parent_id) AND a.contact_id = party)
     OR (said.group_id IS NULL
         AND EXISTS (SELECT 1 FROM discreet.addresses a
                      WHERE a.owner_id = owner AND a.platform = said.sender_platform
                        AND a.platform_id = said.sender_id AND a.of_owner)) THEN
    RETURN NULL;
  END IF;
  IF via.admission = 'pairing' AND said.addressed THEN
    RETURN gate.request_pairing(owner, via, said, party);
  END IF;
  RETURN 'stranger';
END $$;

-- Admit somebody before they have written. Returns the contact, creating it if it is new.
CREATE OR REPLACE FUNCTION gate.admit_sender(channel uuid, of_platform text, of_id text, kind text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  via    discreet.channels;
  result uuid;
  asked  uuid;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  result := gate.find_or_create_contact(owner, of_platform, of_id, kind, '');
  IF result IS NOT NULL THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (channel, result, owner, via.agent_id) ON CONFLICT DO NOTHING;
    IF FOUND THEN
      PERFORM gate.apply_channel_labels(via, result);
    END IF;
    SELECT p.id INTO asked FROM discreet.pairings p
     WHERE p.channel_id = channel AND p.contact_id = result;
    IF FOUND THEN
      PERFORM gate.decide_pairing(asked, true);
    END IF;
  END IF;
  RETURN result;
END $$;

-- An agent with shared memory can't have an open channel.
CREATE OR REPLACE FUNCTION gate.reject_open_shared_agent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent uuid := CASE TG_TABLE_NAME WHEN 'agents' THEN to_jsonb(NEW)->>'id'
                                   ELSE to_jsonb(NEW)->>'agent_id' END;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: admission ' || agent, 0));
  IF EXISTS (SELECT 1 FROM discreet.agents a JOIN discreet.channels c ON c.agent_id = a.id
              WHERE a.id = agent AND a.memory_model = 'shared'
                AND c.admission = 'open' AND c.platform <> 'terminal' AND c.closed_at IS NULL) THEN
    RAISE EXCEPTION 'shared_and_open' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

-- Say why a message is refused, or null. Checks first whether its sender is admitted, then the limits.
CREATE OR REPLACE FUNCTION gate.message_refusal(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  RETURN coalesce(gate.admission_refusal(owner, via, shared, said),
                  gate.enforce_limits(owner, via, shared, said));
END $$;

REVOKE ALL ON FUNCTION gate.admission_refusal, gate.admit_sender, gate.reject_open_shared_agent,
  gate.message_refusal FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.admit_sender TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.reject_open_shared_agent TO discreet_schema;
