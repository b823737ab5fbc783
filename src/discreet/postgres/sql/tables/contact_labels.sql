-- Labels that the owner gives to contacts (customer, staff). They say what a contact may use, so a contact
-- neither sees nor sets them.
SET ROLE discreet_schema;

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

-- after functions
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.contact_labels TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.contact_labels TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER reject_merged_contact BEFORE INSERT ON discreet.contact_labels
  FOR EACH ROW EXECUTE FUNCTION gate.reject_merged_contact();
GRANT SELECT (owner_id, contact_id, label, created_at, owner_key),
      INSERT (contact_id, label),
      DELETE
  ON discreet.contact_labels
  TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.contact_labels TO discreet_gate;
