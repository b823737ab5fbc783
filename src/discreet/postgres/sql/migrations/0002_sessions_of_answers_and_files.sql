-- Whoever joins, parts or erases contacts looks for what hangs on a session, and so does its foreign key.
-- Without an index that read every answer and every file that there is.
SET ROLE discreet_schema;
CREATE INDEX outbox_session ON discreet.outbox (session_id);
CREATE INDEX attachments_session ON discreet.attachments (session_id);
