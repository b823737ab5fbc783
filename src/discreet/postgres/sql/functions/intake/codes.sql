SET ROLE discreet_gate;

-- Eight characters from 31 that are not easily confused (no I, L, O, 0, 1): 39 bits.
CREATE OR REPLACE FUNCTION gate.generate_code() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(substr('ABCDEFGHJKMNPQRSTUVWXYZ23456789', 1 + get_byte(r.bytes, i) % 31, 1), '')
    -- The bytes of a random UUID that hold neither version nor variant.
    FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) r, unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) i
$$;

-- Read a code from typed text; null if it isn't one.
CREATE OR REPLACE FUNCTION gate.parse_code(typed text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT substring(upper(regexp_replace(left(typed, 40), '[[:space:]-]', '', 'g'))
                   FROM '^[A-HJKMNP-Z2-9]{8}$')
$$;

REVOKE ALL ON FUNCTION gate.generate_code, gate.parse_code FROM PUBLIC;
