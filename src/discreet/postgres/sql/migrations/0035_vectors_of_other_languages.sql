-- The owner finds memories in other languages than English by their vectors too.
SET ROLE discreet_schema;
CREATE INDEX IF NOT EXISTS memories_near_c4bb918bbab8
  ON discreet.memories USING hnsw (((embedding)::halfvec(512)) halfvec_cosine_ops)
  WHERE embedder = 'universal-sentence-encoder-multilingual-3' AND owner_key IS NOT NULL;
