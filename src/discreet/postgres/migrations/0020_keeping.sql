-- What a scope keeps once: a text however it is spelled, and whatever is filed under one topic key.
SET ROLE discreet_gate;

-- A text as it is compared with others: one spelling of compatible forms, quotes, spaces and of
-- capitals that only begin or shout a word; without what ends a sentence. A capital inside a word
-- and everything with a digit stays, for it may be a key, a code or a name of something.
CREATE FUNCTION gate.plain_text(said text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(nullif(rtrim(string_agg(
           CASE WHEN word !~ '[[:digit:]]' AND (word = upper(word)
                     OR substr(word, 2) = lower(substr(word, 2)))
                THEN lower(word) ELSE word END, ' ' ORDER BY place), ' .!'), ''), said)
    FROM (SELECT part COLLATE pg_c_utf8 AS word, place
            FROM regexp_split_to_table(
              translate(normalize(said, NFKC), '‘’“”', '''''""') COLLATE pg_c_utf8, '\s+')
              WITH ORDINALITY AS split (part, place)
           WHERE part <> '') words
$$;

-- Those that expired more than so long ago go to the history, a part at a time; how many.
CREATE FUNCTION gate.purge_expired(kept interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  purged integer;
BEGIN
  DELETE FROM discreet.memories WHERE id IN (
    SELECT m.id FROM discreet.memories m WHERE m.expires_at < clock_timestamp() - kept
     ORDER BY m.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END $$;

REVOKE ALL ON FUNCTION gate.plain_text(text), gate.purge_expired(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.plain_text(text)
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.purge_expired(interval, integer) TO discreet_worker;
RESET ROLE;

SET ROLE discreet_schema;
ALTER TABLE discreet.memories
  ALTER COLUMN digest SET EXPRESSION AS (md5(gate.plain_text(content))),
  ADD COLUMN used_at timestamptz,
  ADD CONSTRAINT memories_topic_key CHECK (topic_key <> '' AND length(topic_key) <= 200);
CREATE UNIQUE INDEX memories_topic ON discreet.memories (owner_id, agent_id, party, topic_key)
  WHERE topic_key IS NOT NULL;
COMMENT ON COLUMN discreet.memories.used_at IS
  'about when a turn of its own scope last found it; to the day';
CREATE INDEX memories_knowledge ON discreet.memories (owner_id, agent_id, party)
  WHERE salience IN ('critical', 'high');
CREATE INDEX memories_expiry ON discreet.memories (expires_at, owner_id)
  WHERE expires_at IS NOT NULL AND owner_key IS NOT NULL;
GRANT DELETE ON discreet.memories TO discreet_gate;
GRANT UPDATE (used_at) ON discreet.memories TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;
