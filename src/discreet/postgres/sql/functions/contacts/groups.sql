-- A group that got a new chat id, perhaps after messages had already arrived under the new id.
SET ROLE discreet_gate;

-- Keep a group as the same contact when the platform reports a new chat id for it, even if the new id
-- was seen before. False: the group is unknown, or nothing was left to do.
CREATE OR REPLACE FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner    uuid := gate.enter_scope(ticket);
  survivor uuid;
BEGIN
  SELECT a.contact_id INTO survivor
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = old_id
     AND c.type = 'group'
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.channels c SET only_chat = new_id
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.only_chat = old_id
     AND c.closed_at IS NULL AND NOT EXISTS (
       SELECT FROM discreet.channels o
        WHERE o.parent_id = c.parent_id AND o.only_chat = new_id AND o.closed_at IS NULL);
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, new_id, survivor)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND OR gate.reassign_group_address(owner, of_platform, new_id, survivor);
END $$;

-- Point the new id at the contact that stays. Messages stored under the other contact stay with it, and
-- the owner's decisions about it hold; a pairing that it had started begins again. False: the id
-- belongs to a person, or already leads to the contact.
CREATE OR REPLACE FUNCTION gate.reassign_group_address(owner uuid, of_platform text, new_id text, survivor uuid)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other    uuid;
  pairing  discreet.pairings;
  held     jsonb;
  all_held jsonb;
BEGIN
  SELECT a.contact_id INTO other
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id
     AND c.type = 'group' AND c.id <> survivor
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.addresses a SET contact_id = survivor
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id;
  UPDATE discreet.contacts c
     SET blocked_at = coalesce(c.blocked_at, o.blocked_at),
         taken_over_at = coalesce(c.taken_over_at, o.taken_over_at)
    FROM discreet.contacts o WHERE c.id = survivor AND o.id = other;
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, survivor, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = other
  ON CONFLICT DO NOTHING;
  INSERT INTO discreet.contact_labels (owner_id, contact_id, label)
  SELECT l.owner_id, survivor, l.label FROM discreet.contact_labels l
   WHERE l.contact_id = other
  ON CONFLICT DO NOTHING;
  FOR pairing IN SELECT p.* FROM discreet.pairings p
                WHERE p.contact_id = other AND p.state = 'pending' LOOP
    SELECT coalesce(jsonb_agg(k.arrived ORDER BY k.created_at), '[]') INTO all_held
      FROM discreet.held_messages k WHERE k.pairing_id = pairing.id;
    DELETE FROM discreet.pairings p WHERE p.id = pairing.id;
    FOR held IN SELECT j.value FROM jsonb_array_elements(all_held) j LOOP
      PERFORM gate.replay_held_messages(owner, pairing.channel_id, held);
    END LOOP;
  END LOOP;
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION gate.move_group, gate.reassign_group_address FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.move_group TO discreet_intake;
