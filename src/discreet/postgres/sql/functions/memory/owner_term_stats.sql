SET ROLE discreet_gate;

-- Recount, from a sample, the words of each owner with more memories than are ranked at once. Of a word in
-- 2,000 of a million memories a sample of 100,000 counts 200, so 7% too few or too many are usual.
CREATE OR REPLACE FUNCTION gate.count_owner_terms(many bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  in_table real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'discreet.memories'::regclass);
  percent  real := least(100, 100.0 * 100000 / greatest(in_table, 1));
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('discreet: words', 0)) THEN
    RETURN;  -- another process is counting
  END IF;
  DELETE FROM discreet.owner_term_stats;
  IF in_table < many THEN
    RETURN;
  END IF;
  INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)
  WITH sampled AS MATERIALIZED (
    SELECT m.owner_id, m.terms FROM discreet.memories m TABLESAMPLE SYSTEM (percent)
     WHERE NOT m.decoy
  ), owners AS (
    SELECT s.owner_id, count(*) AS memories, sum(cardinality(s.terms)) AS words FROM sampled s
     GROUP BY s.owner_id HAVING count(*) * 100 / percent >= many
  )
  SELECT o.owner_id, '', round(o.memories * 100 / percent) FROM owners o
   UNION ALL
  SELECT o.owner_id, '#', round(o.words * 100 / percent) FROM owners o
   UNION ALL
  SELECT w.owner_id, w.word, round(count(*) * 100 / percent)
    FROM (SELECT DISTINCT s.owner_id, s.ctid_, t.word
            FROM (SELECT row_number() OVER () AS ctid_, s.* FROM sampled s) s
            JOIN owners o USING (owner_id), unnest(s.terms) AS t (word)) w
   GROUP BY w.owner_id, w.word HAVING count(*) > 1;
END $$;

-- Return how many of an owner's memories hold each word: exact for rare words (`few` stands for that
-- many or more), approximate for common ones. No row: the owner has so few memories that they are
-- ranked exactly.
CREATE OR REPLACE FUNCTION gate.owner_term_counts(words text[], few integer)
RETURNS TABLE (word text, document_frequency bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  rare  text;
BEGIN
  IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = '') THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.word, o.document_frequency FROM discreet.owner_term_stats o
    WHERE o.owner_id = owner AND o.word = ANY (words || ARRAY['', '#']);
  FOREACH rare IN ARRAY words LOOP
    IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = rare) THEN
      RETURN QUERY EXECUTE
        'SELECT $2, count(*) FROM (SELECT FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> ARRAY[$2] '
        'AND (m.owner_id = $1) IS TRUE LIMIT $3) found'
        USING owner, rare, few;
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION gate.count_owner_terms, gate.owner_term_counts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.count_owner_terms TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.owner_term_counts TO discreet_owner;
