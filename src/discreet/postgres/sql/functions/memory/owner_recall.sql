-- Candidates for the owner's search over all memories. The indexes it needs can't be used under
-- row-level security, because their operators are not leakproof; so a function that filters by owner
-- itself finds the candidates. Contacts are searched exactly, over their own rows, and never through
-- these indexes.
SET ROLE discreet_gate;

-- Return ids of an owner's memories that may be among the best for a query: the most promising of those
-- that hold a rare word of it or two common ones, and the nearest. `document_frequency`: how many
-- memories hold each word; `memories`: how many there are; `mean_length`: words per memory; `many`:
-- about how many may be ranked by words. The score is BM25, as in memory/ranking.py.
CREATE OR REPLACE FUNCTION gate.owner_candidates(
  of_embedder text, dimensions integer, near public.vector, words text[], document_frequency float8[],
  memories float8, mean_length float8, many integer)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  rare    text[];
  common  text[];
  worth   text;
  wanted  text[] := '{}';
  shares  integer;
BEGIN
  -- The filters are written so that no other index can serve them, and the index is searched until
  -- there are enough memories of this owner.
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
            FROM unnest(words, document_frequency) AS w (word, held)) k;
  IF cardinality(rare) > 0 THEN
    wanted := wanted || format('SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms && %L::text[] '
                               'AND (m.owner_id = %L) IS TRUE', rare, owner);
  END IF;
  -- One for each pair of the three commonest, and one for the rare.
  shares := CASE WHEN cardinality(common) > 2 THEN 3 ELSE 1 END + least(cardinality(rare), 1);
  FOR a IN 1 .. least(cardinality(common), 3) LOOP
    FOR b IN a + 1 .. least(cardinality(common), 3) LOOP
      wanted := wanted || format(
        '(SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> %L::text[] AND (m.owner_id = %L) IS TRUE LIMIT %s)',
        ARRAY[common[a], common[b]], owner, greatest(many / shares, 10));
    END LOOP;
  END LOOP;
  IF cardinality(wanted) > 0 THEN
    RETURN QUERY EXECUTE format(
      'SELECT best.id FROM (SELECT m.id, %s AS worth, '
      'coalesce(1 - (CASE WHEN m.embedder = %L THEN m.embedding END <=> $1), 0) AS cosine '
      'FROM (SELECT found.*, 0.72 + 0.48 * cardinality(found.terms) / %s AS norm FROM (%s) found) m'
      ') best ORDER BY 3 * best.worth / max(best.worth) OVER () + 2.5 * best.cosine DESC LIMIT 400',
      worth, of_embedder, greatest(mean_length, 1), array_to_string(wanted, ' UNION ALL '))
      USING near;
  END IF;
  IF near IS NOT NULL AND cardinality(rare) = 0 AND cardinality(common) > 0 THEN
    PERFORM set_config('hnsw.max_scan_tuples', '4000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'AND (m.terms @> %L::text[]) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, common[1:1], dimensions, dimensions)
      USING owner, near;
  END IF;
  IF near IS NOT NULL THEN
    PERFORM set_config('hnsw.max_scan_tuples', '20000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, dimensions, dimensions)
      USING owner, near;
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.owner_candidates FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.owner_candidates TO discreet_owner;
