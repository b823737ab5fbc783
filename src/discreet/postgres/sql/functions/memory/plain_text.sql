-- What a scope keeps once: a text however it is spelled, and whatever is filed under one topic key.
SET ROLE discreet_gate;

-- A text as it is compared with others: one spelling of compatible forms, quotes, spaces and of
-- capitals that only begin or shout a word; without what ends a sentence. A capital inside a word
-- and everything with a digit stays, for it may be a key, a code or a name of something.
CREATE OR REPLACE FUNCTION gate.plain_text(said text) RETURNS text
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

REVOKE ALL ON FUNCTION gate.plain_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.plain_text
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
