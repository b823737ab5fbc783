SET ROLE discreet_schema;

-- Create the index with which the owner finds the nearest vectors of one embedder. Vectors of another
-- embedder have another length, and another index.
CREATE OR REPLACE FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- An index holds half-precision vectors up to this length; longer ones are found by words only.
  IF dimensions BETWEEN 1 AND 4000 THEN
    EXECUTE format(
      'CREATE INDEX IF NOT EXISTS %I ON discreet.memories USING hnsw '
      '((embedding::halfvec(%s)) halfvec_cosine_ops) WHERE embedder = %L AND owner_key IS NOT NULL',
      'memories_near_' || left(md5(of_embedder), 12), dimensions, of_embedder);
  END IF;
END $$;

REVOKE ALL ON FUNCTION discreet.index_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION discreet.index_vectors TO discreet_worker;
