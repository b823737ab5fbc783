-- Labels that contacts get by the channel through which they came.
SET ROLE discreet_gate;

-- Give a contact the labels of the channel that admits it. Labels that it has stay.
CREATE OR REPLACE FUNCTION gate.apply_channel_labels(via discreet.channels, contact uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT via.owner_id, contact, l.label FROM unnest(via.contact_labels) AS l (label)
  ON CONFLICT DO NOTHING;
END $$;

-- Say whether the contact of a message has no conversation with this agent yet: nobody approves who
-- writes on an open channel, so their first message stands for the admission.
CREATE OR REPLACE FUNCTION gate.is_new_contact(owner uuid, via discreet.channels, said gate.inbound)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  contact uuid := CASE WHEN said.group_id IS NULL
    THEN coalesce(said.sender_contact, gate.find_contact(owner, said.sender_platform, said.sender_id))
    ELSE gate.find_contact(owner, said.group_platform, said.group_id) END;
BEGIN
  RETURN NOT EXISTS (SELECT FROM discreet.sessions s
                      WHERE (s.owner_id, s.agent_id, s.party) = (owner, via.agent_id, contact));
END $$;

REVOKE ALL ON FUNCTION gate.apply_channel_labels, gate.is_new_contact FROM PUBLIC;
