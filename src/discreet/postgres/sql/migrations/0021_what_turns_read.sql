-- The contacts whose rows an owner's turn has read.
SET ROLE discreet_schema;
ALTER TABLE discreet.turns ADD COLUMN read uuid[] NOT NULL DEFAULT '{}';
ALTER TABLE discreet.turns ALTER COLUMN read SET STATISTICS 0;
COMMENT ON COLUMN discreet.turns.read IS
  'the contacts whose rows an owner''s turn has read, by way of earlier turns too; nil: an erased one';
GRANT SELECT (read), UPDATE (read) ON discreet.turns TO discreet_owner;
GRANT UPDATE (read) ON discreet.turns TO discreet_gate;
