-- A contact says that it also writes from another account. The first code is typed there; the return
-- code is valid only between these two contacts.
SET ROLE discreet_schema;

CREATE TABLE discreet.link_requests (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL,
  contact_id  uuid NOT NULL UNIQUE,
  digest      bytea NOT NULL,
  other_id    uuid,
  back_digest bytea,
  expires_at  timestamptz NOT NULL,
  CHECK ((other_id IS NULL) = (back_digest IS NULL)),
  CHECK (other_id <> contact_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (other_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX link_requests_digest ON discreet.link_requests (owner_id, digest);
CREATE INDEX link_requests_other ON discreet.link_requests (other_id);
ALTER TABLE discreet.link_requests
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN back_digest SET STATISTICS 0;
ALTER TABLE discreet.link_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.link_requests FORCE ROW LEVEL SECURITY;

-- after functions
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.link_requests TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.link_requests TO discreet_gate;
