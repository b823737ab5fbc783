-- What counts as the same memory: equal text, however it is spelled, and the same topic key.
SET ROLE discreet_gate;

-- Normalise a text for comparison: compatibility forms, quotes, spaces, capitals at the start of words
-- or of whole words, and punctuation at the end. Capitals inside a word and words with digits stay,
-- because they may be a key, a code or a name.
CREATE OR REPLACE FUNCTION gate.normalize_text(said text) RETURNS text
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

REVOKE ALL ON FUNCTION gate.normalize_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.normalize_text
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
