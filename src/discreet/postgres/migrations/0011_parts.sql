-- A long answer takes several messages on its platform; those that were taken are not sent again.
SET ROLE discreet_schema;
ALTER TABLE discreet.outbox ADD COLUMN parts_sent integer NOT NULL DEFAULT 0;
GRANT UPDATE (parts_sent) ON discreet.outbox TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;
