-- Messages of one call are written together. These functions return what is to be written, or are gone.
SET ROLE discreet_gate;
DROP FUNCTION gate.ingest_message(uuid, discreet.channels, boolean, gate.inbound);
DROP FUNCTION gate.store_message(discreet.channels, discreet.sessions, uuid, uuid, text, gate.inbound);
DROP FUNCTION gate.wake_for_message(discreet.channels, uuid, text, gate.inbound);
