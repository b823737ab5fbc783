-- An answer for a terminal is inserted as sent. gate.end_turn says whether it may be; functions/ makes it again.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.end_turn(uuid, uuid, boolean, text);
SET ROLE discreet_schema;
DROP TRIGGER schedule_delivery ON discreet.outbox;
CREATE TRIGGER schedule_delivery AFTER INSERT ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state IN ('pending', 'sending')) EXECUTE FUNCTION gate.schedule_delivery();
CREATE TRIGGER record_delivery_at_once AFTER INSERT ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION gate.record_delivery();
GRANT INSERT (state, attempts, platform_messages, sent_at, parts_sent) ON discreet.outbox
  TO discreet_contact, discreet_shared, discreet_owner;
