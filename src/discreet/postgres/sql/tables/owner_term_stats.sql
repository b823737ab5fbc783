-- About how many of an owner's memories hold a word, for words that aren't rare. The word '' stands for
-- all memories, '#' for the words in them together.
SET ROLE discreet_schema;

CREATE TABLE discreet.owner_term_stats (
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  word      text NOT NULL,
  document_frequency   bigint NOT NULL,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, word)
);
ALTER TABLE discreet.owner_term_stats
  ALTER COLUMN word SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_term_stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_term_stats FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owner_term_stats TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_term_stats TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, word, document_frequency, owner_key) ON discreet.owner_term_stats TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.owner_term_stats TO discreet_gate;
