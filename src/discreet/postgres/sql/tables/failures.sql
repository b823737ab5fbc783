-- Jobs and tasks of the server that ended with an error of the program: how often in a row, and when they
-- are tried again. Ids of sessions, routes and reminders, names of tasks and types of errors; no text.
SET ROLE discreet_schema;

CREATE TABLE queue.failures (
  lock        text PRIMARY KEY,
  error       text NOT NULL,
  failures    integer NOT NULL DEFAULT 1,
  since       timestamptz NOT NULL DEFAULT clock_timestamp(),
  next_try_at timestamptz NOT NULL
);
COMMENT ON COLUMN queue.failures.lock IS 'of the job, such as turn:ID, or the name of a task';

-- after functions
SET ROLE discreet_schema;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue.failures TO discreet_worker;
GRANT SELECT, DELETE ON queue.failures TO discreet_gate;
