-- procrastinate's own schema, as the installed version has it; its objects belong to discreet_schema.
-- An upgrade of procrastinate that changes it needs a migration of ours.
SET ROLE discreet_schema;
SET LOCAL search_path = queue;
-- include: procrastinate
RESET search_path;
-- Its log of what became of each job, which nobody reads, is eight rows a message; so it isn't kept.
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON queue.procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_abort_requested_events_v1 ON queue.procrastinate_jobs;
ALTER TABLE queue.procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey;
-- These are small and change all the time; new statistics each minute would say nothing new.
ALTER TABLE queue.procrastinate_jobs SET (autovacuum_analyze_threshold = 5000);
ALTER TABLE queue.procrastinate_workers SET (autovacuum_analyze_threshold = 5000);

-- after functions
-- The worker runs procrastinate; functions of the gate defer jobs for a scope. Nobody else has any
-- right here: a queue table shows who exists and when they write.
SET ROLE discreet_schema;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA queue FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA queue TO discreet_worker, discreet_gate;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO discreet_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO discreet_worker, discreet_gate;
GRANT SELECT, INSERT, DELETE, UPDATE (scheduled_at, priority)
  ON queue.procrastinate_jobs TO discreet_gate;
GRANT SELECT, INSERT ON queue.procrastinate_events TO discreet_gate;
GRANT SELECT, UPDATE (job_id) ON queue.procrastinate_periodic_defers TO discreet_gate;
