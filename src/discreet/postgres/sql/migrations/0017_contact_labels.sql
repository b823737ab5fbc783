-- Labels of contacts, by hand and by channel.
SET ROLE discreet_schema;
ALTER TABLE discreet.channels ADD COLUMN contact_labels text[] NOT NULL DEFAULT '{}';
ALTER TABLE discreet.channels ALTER COLUMN contact_labels SET STATISTICS 0;
COMMENT ON COLUMN discreet.channels.contact_labels IS
  'the labels that a contact gets when it is admitted here';
GRANT SELECT (contact_labels), UPDATE (contact_labels) ON discreet.channels TO discreet_owner;
ALTER TABLE discreet.linked_rows DROP CONSTRAINT linked_rows_kind_check;
ALTER TABLE discreet.linked_rows ADD CONSTRAINT linked_rows_kind_check
  CHECK (kind IN ('address', 'session', 'memory', 'admission', 'label'));
CREATE TABLE discreet.contact_labels (
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  contact_id uuid NOT NULL,
  label      text NOT NULL CHECK (label <> '' AND length(label) <= 40),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (contact_id, label, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX contact_labels_label
  ON discreet.contact_labels (owner_id, label) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.contact_labels
  ALTER COLUMN label SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.contact_labels ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.contact_labels FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON discreet.contact_labels TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.contact_labels TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER refuse_merged BEFORE INSERT ON discreet.contact_labels
  FOR EACH ROW EXECUTE FUNCTION gate.refuse_merged();
GRANT SELECT (owner_id, contact_id, label, created_at, owner_key),
      INSERT (contact_id, label),
      DELETE
  ON discreet.contact_labels
  TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.contact_labels TO discreet_gate;
