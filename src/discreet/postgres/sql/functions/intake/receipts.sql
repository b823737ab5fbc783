-- What platforms report about an answer after accepting it: delivered, read, or failed after all.
SET ROLE discreet_gate;

-- Say whether a chat is one of these, by its id or by another id of the same person.
CREATE OR REPLACE FUNCTION gate.is_same_chat(owner uuid, of_platform text, chat text, chats text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT chat = ANY (chats) OR EXISTS (
    SELECT FROM discreet.addresses here
      JOIN discreet.addresses named
        ON (named.owner_id, named.platform) = (here.owner_id, here.platform)
       AND (named.contact_id = here.contact_id OR (named.of_owner AND here.of_owner))
     WHERE here.owner_id = owner AND here.platform = of_platform AND here.platform_id = chat
       AND named.platform_id = ANY (chats))
$$;

-- Find the owner's answer that the platform accepted under this id in this chat, on this channel or one
-- of its branches. A scope writes the platform's ids of its own answers, but can't choose their chat;
-- so a receipt for one chat never counts for an answer in another.
CREATE OR REPLACE FUNCTION gate.find_answer_by_platform_id(owner uuid, channel uuid, chats text[], platform_message text)
RETURNS discreet.outbox
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o FROM discreet.outbox o
    JOIN discreet.routes r ON r.id = o.route_id AND r.owner_id = owner
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE o.owner_id = owner AND o.owner_key IS NOT NULL AND o.platform_messages <> '{}'
     AND o.platform_messages @> ARRAY[platform_message]
     AND channel IN (c.id, c.parent_id) AND o.state IN ('sent', 'failed')
     AND gate.is_same_chat(owner, c.platform, r.chat_id, chats)
$$;

-- Keep the first time of each stage; what has arrived can't fail any more. An answer in several
-- messages has arrived when the last one has; it fails with any of them.
CREATE OR REPLACE FUNCTION gate.apply_receipt(
  answer discreet.outbox, platform_message text, stage text, at timestamptz, why text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF stage = 'failed' THEN
    UPDATE discreet.outbox o SET state = 'failed', error = why
     WHERE o.message_id = answer.message_id AND o.delivered_at IS NULL;
  ELSIF answer.platform_messages[cardinality(answer.platform_messages)] = platform_message THEN
    UPDATE discreet.outbox o
       SET delivered_at = coalesce(o.delivered_at, at),
           read_at = CASE WHEN stage = 'read' THEN coalesce(o.read_at, at) ELSE o.read_at END
     WHERE o.message_id = answer.message_id;
  END IF;
END $$;

-- Record a receipt. They come early, late, twice and in any order. False: no answer of ours on this
-- channel, or none recorded as sent yet; then the receipt waits.
CREATE OR REPLACE FUNCTION gate.record_receipt(
  ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamptz, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter_scope(ticket);
  answer discreet.outbox := gate.find_answer_by_platform_id(owner, channel, chats, platform_message);
BEGIN
  IF answer.message_id IS NOT NULL THEN
    PERFORM gate.apply_receipt(answer, platform_message, stage, at, why);
    RETURN true;
  END IF;
  DELETE FROM discreet.early_receipts e WHERE e.created_at < statement_timestamp() - interval '1 hour';
  INSERT INTO discreet.early_receipts (owner_id, channel_id, chats, platform_message, stage, at, why)
  SELECT owner, c.id, chats, platform_message, stage, at, why
    FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  RETURN false;
END $$;

-- Apply the receipts that came before an answer was recorded as sent.
CREATE OR REPLACE FUNCTION gate.apply_early_receipts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told discreet.early_receipts;
BEGIN
  FOR told IN
    WITH early AS (
      DELETE FROM discreet.early_receipts e
       USING discreet.routes r, discreet.channels c
       WHERE r.id = NEW.route_id AND c.id = r.channel_id AND e.channel_id IN (c.id, c.parent_id)
         AND e.owner_id = NEW.owner_id AND e.platform_message = ANY (NEW.platform_messages)
         AND gate.is_same_chat(NEW.owner_id, c.platform, r.chat_id, e.chats)
      RETURNING e.*)
    SELECT * FROM early ORDER BY at
  LOOP
    PERFORM gate.apply_receipt(NEW, told.platform_message, told.stage, told.at, told.why);
  END LOOP;
  RETURN NULL;
END $$;

-- Let an answer reply only to a message of its own session and chat, or to none, so that nobody can
-- choose any platform id.
CREATE OR REPLACE FUNCTION gate.validate_reply_target() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM discreet.routes r
      JOIN discreet.messages m ON m.channel_id = r.channel_id AND m.chat_id = r.chat_id
     WHERE r.id = NEW.route_id AND m.session_id = NEW.session_id AND m.direction = 'in'
       AND m.platform_message_id = NEW.reply_to) THEN
    NEW.reply_to := NULL;
  END IF;
  RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION gate.is_same_chat, gate.find_answer_by_platform_id, gate.apply_receipt, gate.record_receipt,
  gate.apply_early_receipts, gate.validate_reply_target FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.record_receipt TO discreet_intake;
GRANT EXECUTE ON FUNCTION gate.apply_early_receipts, gate.validate_reply_target TO discreet_schema;
