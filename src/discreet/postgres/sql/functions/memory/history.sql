-- Keep every older version of a memory, with its agent and contact, whoever changes it and how.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.archive_memory() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- A link of two contacts moves memories; only the gate may write that column.
  IF TG_OP = 'UPDATE' AND NEW.contact_id IS DISTINCT FROM OLD.contact_id THEN
    RETURN NEW;
  END IF;
  IF OLD.decoy AND TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  -- Another vector or other terms for the same text is not a new version.
  IF TG_OP = 'UPDATE' AND NEW.version = OLD.version
     AND (NEW.content, NEW.summary, NEW.topic_key, NEW.topics, NEW.salience, NEW.metadata,
          NEW.expires_at, NEW.source) IS NOT DISTINCT FROM
         (OLD.content, OLD.summary, OLD.topic_key, OLD.topics, OLD.salience, OLD.metadata,
          OLD.expires_at, OLD.source) THEN
    RETURN NEW;
  END IF;
  INSERT INTO discreet.memory_history (
    memory_id, version, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics,
    salience, source, metadata, expires_at, terms, tokens, embedder, embedding, turn_id, created_at,
    updated_at, change)
  VALUES (
    OLD.id, OLD.version, OLD.owner_id, OLD.agent_id, OLD.contact_id, OLD.shared, OLD.content, OLD.summary,
    OLD.topic_key, OLD.topics, OLD.salience, OLD.source, OLD.metadata, OLD.expires_at, OLD.terms,
    OLD.tokens, OLD.embedder, OLD.embedding, OLD.turn_id, OLD.created_at, OLD.updated_at,
    -- The worker deletes only expired memories.
    CASE WHEN TG_OP = 'DELETE' AND session_user = 'discreet_worker' THEN 'expire'
         ELSE lower(TG_OP) END);
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

-- Restore a memory exactly as it was in a version; the current version is archived first. Fails in the
-- same way for a memory of another scope and for one that doesn't exist.
CREATE OR REPLACE FUNCTION gate.restore_memory(memory uuid, wanted_version integer) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
  old  discreet.memory_history;
BEGIN
  PERFORM gate.require_owner();
  SELECT h.* INTO old FROM discreet.memory_history h
   WHERE h.memory_id = memory AND h.version = wanted_version
     AND h.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (h.agent_id = here.agent_id AND h.contact_id IS NOT DISTINCT FROM here.contact_id
              AND h.shared = (session_user = 'discreet_shared')));
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.memories SET
    content = old.content, summary = old.summary, topic_key = old.topic_key, topics = old.topics,
    salience = old.salience, metadata = old.metadata, expires_at = old.expires_at,
    source = old.source, turn_id = old.turn_id,
    terms = old.terms, tokens = old.tokens, embedder = old.embedder, embedding = old.embedding,
    version = version + 1
   WHERE id = memory;
  IF NOT FOUND THEN
    INSERT INTO discreet.memories (
      id, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics, salience, source,
      metadata, expires_at, version, terms, tokens, embedder, embedding, turn_id, created_at)
    VALUES (
      old.memory_id, old.owner_id, old.agent_id, old.contact_id, old.shared, old.content, old.summary,
      old.topic_key, old.topics, old.salience, old.source, old.metadata, old.expires_at,
      (SELECT max(h.version) + 1 FROM discreet.memory_history h WHERE h.memory_id = memory),
      old.terms, old.tokens, old.embedder, old.embedding, old.turn_id, old.created_at);
  END IF;
  RETURN memory;
END $$;

REVOKE ALL ON FUNCTION gate.archive_memory, gate.restore_memory FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.archive_memory TO discreet_schema;
GRANT EXECUTE ON FUNCTION gate.restore_memory TO discreet_contact, discreet_shared, discreet_owner;
