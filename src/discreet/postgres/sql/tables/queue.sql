-- procrastinate's own schema, as the installed version has it; its objects belong to discreet_schema.
-- An upgrade of procrastinate that changes it needs a migration of ours.
SET ROLE discreet_schema;
SET LOCAL search_path = queue;
-- include: procrastinate
RESET search_path;

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
