-- An identity on a platform. It leads to one contact, or to the owner.
SET ROLE discreet_schema;

CREATE TABLE discreet.addresses (
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  platform    text NOT NULL,
  platform_id text NOT NULL CHECK (platform_id <> ''),
  contact_id  uuid,
  of_owner    boolean NOT NULL DEFAULT false,
  created_at  timestamptz NOT NULL DEFAULT now(),
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key   text
              GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(contact_id))) STORED,
  name        text NOT NULL DEFAULT '',
  CHECK (of_owner = (contact_id IS NULL)),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.addresses.name IS
  'the last display name seen there; a contact called the same follows its changes';
CREATE INDEX addresses_contact ON discreet.addresses (contact_id, owner_id);
CREATE UNIQUE INDEX addresses_once
  ON discreet.addresses (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.addresses
  ALTER COLUMN platform_id SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE discreet.addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.addresses FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.addresses TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, contact_id) = (SELECT s.owner_id, s.party FROM gate.scope() s))
  WITH CHECK (
    (owner_id, contact_id) = (SELECT s.owner_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.addresses TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.addresses TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, platform, platform_id, contact_id, of_owner, created_at, name)
  ON discreet.addresses
  TO discreet_contact;
GRANT SELECT (owner_id, platform, platform_id, contact_id, of_owner, created_at, owner_key,
              scope_key, name)
  ON discreet.addresses
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.addresses TO discreet_gate;
