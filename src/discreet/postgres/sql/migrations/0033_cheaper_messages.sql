-- Nobody reads the queue's log of what became of each job, which is eight rows a message. Its triggers go,
-- and with them the key that was looked up for each job that ended.
SET ROLE discreet_schema;
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_abort_requested_events_v1 ON queue.procrastinate_jobs;
ALTER TABLE queue.procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey;
TRUNCATE queue.procrastinate_events;
-- These are small and change all the time; new statistics each minute would say nothing new.
ALTER TABLE queue.procrastinate_jobs SET (autovacuum_analyze_threshold = 5000);
ALTER TABLE queue.procrastinate_workers SET (autovacuum_analyze_threshold = 5000);
ALTER TABLE queue.leases SET (autovacuum_analyze_threshold = 5000);

-- Only what was sent has an id on its platform to be found by.
DROP INDEX discreet.outbox_platform_messages;
CREATE INDEX outbox_platform_messages
  ON discreet.outbox USING gin (platform_messages)
  WHERE platform_messages <> '{}' AND owner_key IS NOT NULL;

-- gate.begin_turn, gate.hold_turn and gate.end_turn take their place.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.drop_draft(uuid);
DROP FUNCTION IF EXISTS gate.is_withheld(uuid, uuid);
DROP FUNCTION IF EXISTS gate.holds_answers(uuid);
