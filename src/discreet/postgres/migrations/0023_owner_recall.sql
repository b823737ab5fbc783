-- The owner searches everybody's memories, and no row-level filter can use the indexes that this takes:
-- their operators are not leakproof. So candidates come from a function that has the owner's filter
-- inside. Contacts are searched exactly, over their own rows, and never by these indexes.
SET ROLE discreet_schema;

CREATE INDEX memories_terms ON discreet.memories USING gin (terms) WHERE owner_key IS NOT NULL;

-- How many of an owner's memories hold a word, about: of those that are not rare. The word '' stands
-- for all memories, '#' for the words in them together.
CREATE TABLE discreet.owner_words (
  owner_id uuid NOT NULL REFERENCES discreet.owners,
  word     text NOT NULL,
  holding  bigint NOT NULL,
  PRIMARY KEY (owner_id, word)
);
ALTER TABLE discreet.owner_words ALTER COLUMN word SET STATISTICS 0;
ALTER TABLE discreet.owner_words ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_words FORCE ROW LEVEL SECURITY;
CALL discreet.let_see('owner_words', 'owner', '{owner_id}', '{owner_id}');
CREATE POLICY gate ON discreet.owner_words TO discreet_gate USING (true);
GRANT SELECT ON discreet.owner_words TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.owner_words TO discreet_gate;

-- The index by which the owner finds what is near, for the vectors of one embedder. Vectors of another
-- have another length, and another index.
CREATE FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- An index holds half-precision vectors of at most this length; longer ones are found by words.
  IF dimensions BETWEEN 1 AND 4000 THEN
    EXECUTE format(
      'CREATE INDEX IF NOT EXISTS %I ON discreet.memories USING hnsw '
      '((embedding::halfvec(%s)) halfvec_cosine_ops) WHERE embedder = %L AND owner_key IS NOT NULL',
      'memories_near_' || left(md5(of_embedder), 12), dimensions, of_embedder);
  END IF;
END $$;
REVOKE ALL ON FUNCTION discreet.index_vectors(text, integer) FROM PUBLIC;
SELECT discreet.index_vectors('wordllama-l2-supercat-256', 256);
RESET ROLE;

SET ROLE discreet_gate;

-- Counts anew, from a sample, the words of each owner who has more memories than are ranked at once.
CREATE FUNCTION gate.count_words(many bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  in_table real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'discreet.memories'::regclass);
  percent  real := least(100, 100.0 * 30000 / greatest(in_table, 1));
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('discreet: words', 0)) THEN
    RETURN;  -- another process counts
  END IF;
  DELETE FROM discreet.owner_words;
  IF in_table < many THEN
    RETURN;
  END IF;
  INSERT INTO discreet.owner_words (owner_id, word, holding)
  WITH sampled AS MATERIALIZED (
    SELECT m.owner_id, m.terms FROM discreet.memories m TABLESAMPLE SYSTEM (percent)
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

-- Ids of an owner's memories that may be among the best for a question: of those that hold a rare word
-- of it, or two common ones, the most promising; and the nearest. `holding`: how many memories hold each
-- word, `memories`: how many there are, `mean_length`: words in one, `many`: about how many may be looked
-- at for their words. What they are worth is BM25, as in memory/ranking.py.
CREATE FUNCTION gate.owner_candidates(
  of_embedder text, dimensions integer, near public.vector, words text[], holding float8[],
  memories float8, mean_length float8, many integer)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  rare    text[];
  common  text[];
  worth   text;
  wanted  text[] := '{}';
BEGIN
  -- The filters are written so that no other index can serve them, and the nearest are looked for until
  -- there are enough of this owner's.
  PERFORM set_config('hnsw.ef_search', '150', true);
  PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);
  SELECT coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto <= many), '{}'),
         coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto > many), '{}'),
         string_agg(format('coalesce(%s / (1 + m.norm / nullif(cardinality(array_positions(m.terms, '
                           '%L)), 0)), 0)',
                           ln(1 + greatest(memories - k.held + 0.5, 1) / (k.held + 0.5)), k.word),
                    ' + ')
    INTO rare, common, worth
    FROM (SELECT w.word, w.held, sum(w.held) OVER (ORDER BY w.held, w.word) AS upto
            FROM unnest(words, holding) AS w (word, held)) k;
  IF cardinality(rare) > 0 THEN
    wanted := wanted || format('SELECT * FROM discreet.memories m WHERE m.terms && %L::text[] '
                               'AND (m.owner_id = %L) IS TRUE', rare, owner);
  END IF;
  FOR a IN 1 .. least(cardinality(common), 3) LOOP
    FOR b IN a + 1 .. least(cardinality(common), 3) LOOP
      wanted := wanted || format(
        '(SELECT * FROM discreet.memories m WHERE m.terms @> %L::text[] AND (m.owner_id = %L) IS TRUE LIMIT %s)',
        ARRAY[common[a], common[b]], owner, greatest(many / 4, 10));
    END LOOP;
  END LOOP;
  IF cardinality(wanted) > 0 THEN
    RETURN QUERY EXECUTE format(
      'SELECT best.id FROM (SELECT m.id, %s AS worth, '
      'coalesce(1 - (CASE WHEN m.embedder = %L THEN m.embedding END <=> $1), 0) AS cosine '
      'FROM (SELECT found.*, 0.72 + 0.48 * cardinality(found.terms) / %s AS norm FROM (%s) found) m'
      ') best ORDER BY 3 * best.worth / max(best.worth) OVER () + 2.5 * best.cosine DESC LIMIT 300',
      worth, of_embedder, greatest(mean_length, 1), array_to_string(wanted, ' UNION ALL '))
      USING near;
  END IF;
  IF near IS NOT NULL AND cardinality(rare) = 0 AND cardinality(common) > 0 THEN
    PERFORM set_config('hnsw.max_scan_tuples', '4000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'AND (m.terms @> %L::text[]) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, common[1:1], dimensions, dimensions)
      USING owner, near;
  END IF;
  IF near IS NOT NULL THEN
    PERFORM set_config('hnsw.max_scan_tuples', '20000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, dimensions, dimensions)
      USING owner, near;
  END IF;
END $$;

-- How many of an owner's memories hold each word: exactly where few do (`few` stands for that many or
-- more), and about where many do. No row: the owner has so few memories that they are ranked exactly.
CREATE FUNCTION gate.owner_counts(words text[], few integer)
RETURNS TABLE (word text, holding bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  rare  text;
BEGIN
  IF NOT EXISTS (SELECT FROM discreet.owner_words o WHERE o.owner_id = owner AND o.word = '') THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.word, o.holding FROM discreet.owner_words o
    WHERE o.owner_id = owner AND o.word = ANY (words || ARRAY['', '#']);
  FOREACH rare IN ARRAY words LOOP
    IF NOT EXISTS (SELECT FROM discreet.owner_words o WHERE o.owner_id = owner AND o.word = rare) THEN
      RETURN QUERY EXECUTE
        'SELECT $2, count(*) FROM (SELECT FROM discreet.memories m WHERE m.terms @> ARRAY[$2] '
        'AND (m.owner_id = $1) IS TRUE LIMIT $3) found'
        USING owner, rare, few;
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION gate.count_words(bigint), gate.owner_counts(text[], integer),
  gate.owner_candidates(text, integer, public.vector, text[], float8[], float8, float8, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.count_words(bigint) TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.owner_counts(text[], integer),
  gate.owner_candidates(text, integer, public.vector, text[], float8[], float8, float8, integer) TO discreet_owner;
RESET ROLE;

SET ROLE discreet_schema;
GRANT EXECUTE ON FUNCTION discreet.index_vectors(text, integer) TO discreet_worker;
RESET ROLE;
