-- The whole schema as it was first released: scripts/freeze-schema --baseline wrote it. What it is
-- today: tables/, functions/ and schema.sql.
-- roles.sql
-- Three schemas: discreet (the tables), gate (functions that act for a scope, and the secret that
-- tickets are checked against), queue (procrastinate's own). The roles themselves are made by
-- postgres/roles.py, which knows their passwords: discreet_schema and discreet_gate own what is here and
-- never log in; discreet_contact, discreet_shared, discreet_owner, discreet_intake and discreet_worker log
-- in and own nothing.
CREATE SCHEMA discreet AUTHORIZATION discreet_schema;
CREATE SCHEMA gate AUTHORIZATION discreet_gate;
CREATE SCHEMA queue AUTHORIZATION discreet_schema;

GRANT USAGE ON SCHEMA discreet, gate
  TO discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT USAGE ON SCHEMA discreet, queue TO discreet_gate;
GRANT USAGE ON SCHEMA gate TO discreet_schema;
GRANT USAGE ON SCHEMA queue TO discreet_worker;
RESET ROLE;

-- tables/types.sql
SET ROLE discreet_gate;

-- `party`: the contact; the agent in a shared scope; the owner in the owner's. `known`: the ticket holds.
CREATE TYPE gate.scope AS (
  owner_id uuid, agent_id uuid, contact_id uuid, party uuid, known boolean);

-- A message as a channel has read it. sender_kind: 'address' (sender_platform, sender_id), 'contact'
-- (sender_contact) or 'owner'. files: a list of objects; '[]' where there is none. What has to wait
-- outside of a session is kept as the JSON of this.
CREATE TYPE gate.inbound AS (
  channel          uuid,
  chat             text,
  platform_thread  text,
  platform_message text,
  written_at       timestamptz,
  sender_kind      text,
  sender_platform  text,
  sender_id        text,
  sender_contact   uuid,
  sender_display   text,
  group_platform   text,
  group_id         text,
  group_name       text,
  thread           text,
  force_new        boolean,
  body             text,
  in_reply_to      text,
  addressed        boolean,
  album_id         text,
  files            jsonb,
  limited          boolean
);
RESET ROLE;

-- functions/memory/plain_text.sql
-- What a scope keeps once: a text however it is spelled, and whatever is filed under one topic key.
SET ROLE discreet_gate;

-- A text as it is compared with others: one spelling of compatible forms, quotes, spaces and of
-- capitals that only begin or shout a word; without what ends a sentence. A capital inside a word
-- and everything with a digit stays, for it may be a key, a code or a name of something.
CREATE OR REPLACE FUNCTION gate.plain_text(said text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(nullif(rtrim(string_agg(
           CASE WHEN word !~ '[[:digit:]]' AND (word = upper(word)
                     OR substr(word, 2) = lower(substr(word, 2)))
                THEN lower(word) ELSE word END, ' ' ORDER BY place), ' .!'), ''), said)
    FROM (SELECT part COLLATE pg_c_utf8 AS word, place
            FROM regexp_split_to_table(
              translate(normalize(said, NFKC), '‘’“”', '''''""') COLLATE pg_c_utf8, '\s+')
              WITH ORDINALITY AS split (part, place)
           WHERE part <> '') words
$$;

REVOKE ALL ON FUNCTION gate.plain_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.plain_text
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;

-- functions/scope/scope.sql
SET ROLE discreet_gate;

-- The scope of this transaction. A ticket that is missing, forged, cut, extended, made for another role
-- or connection, or older than the transaction by more than 30 seconds: all null, which matches no row.
-- It never raises: a policy that can fail would tell, by failing or not, what it was evaluated for.
-- plpgsql, because its plan is kept; an SQL function is planned anew at every call.
CREATE OR REPLACE FUNCTION gate.scope() RETURNS gate.scope
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  ticket text := pg_catalog.current_setting('discreet.ticket', true);
  said   text;
  keys   gate.secrets;
  result gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  said := pg_catalog.split_part(ticket, '#', 1);
  SELECT * INTO STRICT keys FROM gate.secrets;
  IF ticket OPERATOR(pg_catalog.<>) (said OPERATOR(pg_catalog.||) '#' OPERATOR(pg_catalog.||)
       pg_catalog.encode(
         pg_catalog.sha256(keys.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
           keys.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
             session_user::text OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) said, 'UTF8'))),
         'hex')) THEN
    RETURN result;
  END IF;
  IF pg_catalog.split_part(said, '/', 4) OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()::text THEN
    RETURN result;
  END IF;
  -- The transaction's moment, not now: a long export keeps its scope.
  IF pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.-)
       pg_catalog.to_timestamp(
         pg_catalog.split_part(said, '/', 5)::float8 OPERATOR(pg_catalog./) 1000::float8)
     NOT BETWEEN '-30 seconds'::interval AND '30 seconds'::interval THEN
    RETURN result;
  END IF;
  result.known      := true;
  result.owner_id   := nullif(pg_catalog.split_part(said, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(said, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(said, '/', 3), '')::uuid;
  result.party      := coalesce(
    result.contact_id,
    CASE WHEN session_user OPERATOR(pg_catalog.=) 'discreet_shared' THEN result.agent_id
         ELSE result.owner_id END);
  RETURN result;
END $$;

-- One short text for one or several ids: whose a row is, in a single column (owner_key, scope_key).
CREATE OR REPLACE FUNCTION gate.key_of(ids bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(ids), 1, 18), 'base64')
$$;

-- The keys of all rows that this transaction may see, as the keys of an object; null where it may see
-- none. `owner_key` of its owner, `scope_key` of its party, its agent, and its contact.
CREATE OR REPLACE FUNCTION gate.keys() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  here  gate.scope := gate.scope();
  owner bytea := pg_catalog.uuid_send(here.owner_id);
  agent bytea := pg_catalog.uuid_send(here.agent_id);
  party bytea := pg_catalog.uuid_send(here.party);
BEGIN
  IF owner IS NULL THEN
    RETURN NULL;
  ELSIF session_user OPERATOR(pg_catalog.=) 'discreet_owner' THEN
    RETURN pg_catalog.jsonb_build_object(gate.key_of(owner), 1);
  ELSIF agent IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN pg_catalog.jsonb_build_object(
    gate.key_of(owner OPERATOR(pg_catalog.||) agent OPERATOR(pg_catalog.||) party), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) agent), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) party), 1);
END $$;

-- Sets the ticket for this transaction, and refuses one that doesn't hold. The database's clock comes
-- back, in seconds since 1970, for the next ticket.
CREATE OR REPLACE FUNCTION gate.open_scope(ticket text) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_catalog.set_config('discreet.ticket', ticket, true);
  IF (gate.scope()).known IS NOT TRUE THEN
    RAISE EXCEPTION 'invalid_ticket' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN extract(epoch FROM pg_catalog.clock_timestamp());
END $$;

-- For functions that act as discreet_gate: the owner of this transaction, or an error.
CREATE OR REPLACE FUNCTION gate.require_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;

-- Takes the ticket along with the call, so that storing a message is one statement and one round trip.
CREATE OR REPLACE FUNCTION gate.enter(ticket text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('discreet.ticket', ticket, true);
  RETURN gate.require_owner();
END $$;

REVOKE ALL ON FUNCTION gate.scope, gate.key_of, gate.keys, gate.open_scope, gate.require_owner,
  gate.enter FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.scope
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT EXECUTE ON FUNCTION gate.key_of, gate.keys
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.open_scope
  TO discreet_contact, discreet_shared, discreet_owner, discreet_worker;
RESET ROLE;

-- tables/owners.sql
-- Null contact_id means the owner; or, in a row that is `shared`, everybody who talks to an agent
-- that shares its memory. What a row is was decided when it was made, whatever becomes of the agent.
-- Because a composite foreign key with a null column checks nothing, scoped tables carry `party`: the
-- contact, else the agent of a shared row, else the owner. It is never null, and foreign keys between
-- scoped tables go through it, so no row can refer to another scope's row. A scoped row leads to its
-- owner through its session, agent or contact: a foreign key of its own would have every message of
-- everybody lock the same row.
SET ROLE discreet_schema;

CREATE TABLE discreet.owners (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(id))) STORED
);
ALTER TABLE discreet.owners
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owners ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owners FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/leases.sql
-- What only one process does at a time, and which processes serve: names of ours and ids of channels.
SET ROLE discreet_schema;

CREATE TABLE queue.leases (
  what         text PRIMARY KEY,
  holder       uuid NOT NULL,
  leased_until timestamptz NOT NULL
);
RESET ROLE;

-- tables/notices.sql
-- What the gate itself says to senders, by its code. Written by the program, which has the texts.
SET ROLE discreet_gate;

CREATE TABLE gate.notices (
  code text PRIMARY KEY CHECK (code <> ''),
  text text NOT NULL CHECK (text <> '')
);
REVOKE ALL ON gate.notices FROM PUBLIC;
RESET ROLE;

-- tables/policy.sql
-- The numbers that are policy, and what the gate itself says to senders. Both are written by the
-- program (gate.configure), which has the texts and the settings; one row, and one for each code.
SET ROLE discreet_gate;

CREATE TABLE gate.policy (
  one                          boolean PRIMARY KEY DEFAULT true CHECK (one),
  messages_a_minute            integer NOT NULL CHECK (messages_a_minute > 0),
  messages_waiting             integer NOT NULL CHECK (messages_waiting > 0),
  tokens_a_day                 bigint NOT NULL CHECK (tokens_a_day > 0),
  waiting_silence_seconds      integer NOT NULL CHECK (waiting_silence_seconds > 0),
  pairings_pending             integer NOT NULL CHECK (pairings_pending > 0),
  pairing_codes_an_hour        integer NOT NULL CHECK (pairing_codes_an_hour > 0),
  pairing_code_seconds         integer NOT NULL CHECK (pairing_code_seconds > 0),
  messages_held          integer NOT NULL CHECK (messages_held > 0),
  wrong_codes_an_hour          integer NOT NULL CHECK (wrong_codes_an_hour > 0),
  owner_code_seconds           integer NOT NULL CHECK (owner_code_seconds > 0),
  link_code_seconds            integer NOT NULL CHECK (link_code_seconds > 0),
  memories_per_contact         integer NOT NULL CHECK (memories_per_contact > 0),
  context_lines                integer NOT NULL CHECK (context_lines > 0),
  album_seconds                integer NOT NULL CHECK (album_seconds >= 0),
  quarantine_retry_seconds     integer NOT NULL CHECK (quarantine_retry_seconds > 0),
  quarantine_retry_max_seconds integer NOT NULL CHECK (quarantine_retry_max_seconds > 0)
);
REVOKE ALL ON gate.policy FROM PUBLIC;
RESET ROLE;

-- tables/queue.sql
-- procrastinate's own schema, of the version that is installed; its objects belong to discreet_schema. An
-- upgrade of procrastinate that changes it is a migration of ours.
SET ROLE discreet_schema;
SET LOCAL search_path = queue;
-- From procrastinate 3.10.0, unchanged; its licence: NOTICE.md.
-- Procrastinate Schema

DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;
EXCEPTION
    WHEN OTHERS THEN
        -- On managed PostgreSQL services (e.g. Azure Database for PostgreSQL, Amazon RDS,
        -- Google Cloud SQL), CREATE EXTENSION may fail with various error codes:
        -- insufficient_privilege, feature_not_supported, or provider-specific errors.
        -- Before ignoring, verify the extension actually exists — if it does not exist
        -- and cannot be created, re-raise so the failure is explicit.
        IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'plpgsql') THEN
            RAISE NOTICE 'plpgsql extension already exists, skipping creation.';
        ELSE
            RAISE;
        END IF;
END;
$$;

-- Enums

CREATE TYPE procrastinate_job_status AS ENUM (
    'todo',  -- The job is queued
    'doing',  -- The job has been fetched by a worker
    'succeeded',  -- The job ended successfully
    'failed',  -- The job ended with an error
    'cancelled', -- The job was cancelled
    'aborting',  -- legacy, not used anymore since v3.0.0
    'aborted'  -- The job was aborted
);

CREATE TYPE procrastinate_job_event_type AS ENUM (
    'deferred',  -- Job created, in todo
    'started',  -- todo -> doing
    'deferred_for_retry',  -- doing -> todo
    'failed',  -- doing -> failed
    'succeeded',  -- doing -> succeeded
    'cancelled', -- todo -> cancelled
    'abort_requested', -- not a state transition, but set in a separate field
    'aborted', -- doing -> aborted (only allowed when abort_requested field is set)
    'scheduled', -- not a state transition, but recording when a task is scheduled for
    'retried' -- Manually retried failed job
);

-- Composite Types

CREATE TYPE procrastinate_job_to_defer_v1 AS (
    queue_name character varying,
    task_name character varying,
    priority integer,
    lock text,
    queueing_lock text,
    args jsonb,
    scheduled_at timestamp with time zone
);

-- Tables

CREATE TABLE procrastinate_workers(
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    last_heartbeat timestamp with time zone NOT NULL DEFAULT NOW()
);

CREATE TABLE procrastinate_jobs (
    id bigserial PRIMARY KEY,
    queue_name character varying(128) NOT NULL,
    task_name character varying(128) NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    lock text,
    queueing_lock text,
    args jsonb DEFAULT '{}' NOT NULL,
    status procrastinate_job_status DEFAULT 'todo'::procrastinate_job_status NOT NULL,
    scheduled_at timestamp with time zone NULL,
    attempts integer DEFAULT 0 NOT NULL,
    abort_requested boolean DEFAULT false NOT NULL,
    worker_id bigint REFERENCES procrastinate_workers(id) ON DELETE SET NULL,
    CONSTRAINT check_not_todo_abort_requested CHECK (NOT (status = 'todo' AND abort_requested = true))
);

CREATE TABLE procrastinate_periodic_defers (
    id bigserial PRIMARY KEY,
    task_name character varying(128) NOT NULL,
    defer_timestamp bigint,
    job_id bigint REFERENCES procrastinate_jobs(id) NULL,
    periodic_id character varying(128) NOT NULL DEFAULT '',
    CONSTRAINT procrastinate_periodic_defers_unique UNIQUE (task_name, periodic_id, defer_timestamp)
);

CREATE TABLE procrastinate_events (
    id bigserial PRIMARY KEY,
    job_id bigint NOT NULL REFERENCES procrastinate_jobs ON DELETE CASCADE,
    type procrastinate_job_event_type,
    at timestamp with time zone DEFAULT NOW() NULL
);

-- Constraints & Indices

-- this prevents from having several jobs with the same queueing lock in the "todo" state
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON procrastinate_jobs (queueing_lock) WHERE status = 'todo';
-- this prevents from having several jobs with the same lock in the "doing" state
CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing';

-- Index for select_stalled_jobs_by_heartbeat query
CREATE INDEX idx_procrastinate_jobs_worker_not_null ON procrastinate_jobs(worker_id) WHERE worker_id IS NOT NULL AND status = 'doing'::procrastinate_job_status;

CREATE INDEX procrastinate_jobs_queue_name_idx_v1 ON procrastinate_jobs(queue_name);
CREATE INDEX procrastinate_jobs_id_lock_idx_v1 ON procrastinate_jobs (id, lock) WHERE status = ANY (ARRAY['todo'::procrastinate_job_status, 'doing'::procrastinate_job_status]);
CREATE INDEX procrastinate_jobs_priority_idx_v1 ON procrastinate_jobs(priority desc, id asc) WHERE (status = 'todo'::procrastinate_job_status);

CREATE INDEX procrastinate_events_job_id_fkey_v1 ON procrastinate_events(job_id);

CREATE INDEX procrastinate_periodic_defers_job_id_fkey_v1 ON procrastinate_periodic_defers(job_id);

CREATE INDEX idx_procrastinate_workers_last_heartbeat ON procrastinate_workers(last_heartbeat);

-- Functions
CREATE FUNCTION procrastinate_defer_jobs_v1(
    jobs procrastinate_job_to_defer_v1[]
)
    RETURNS bigint[]
    LANGUAGE plpgsql
AS $$
DECLARE
    job_ids bigint[];
BEGIN
    WITH inserted_jobs AS (
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args, scheduled_at)
        SELECT (job).queue_name,
               (job).task_name,
               (job).priority,
               (job).lock,
               (job).queueing_lock,
               (job).args,
               (job).scheduled_at
        FROM unnest(jobs) AS job
        RETURNING id
    )
    SELECT array_agg(id) FROM inserted_jobs INTO job_ids;

    RETURN job_ids;
END;
$$;

CREATE FUNCTION procrastinate_defer_periodic_job_v2(
    _queue_name character varying,
    _lock character varying,
    _queueing_lock character varying,
    _task_name character varying,
    _priority integer,
    _periodic_id character varying,
    _defer_timestamp bigint,
    _args jsonb
)
    RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
	_job_id bigint;
	_defer_id bigint;
BEGIN
    INSERT
        INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)
        VALUES (_task_name, _periodic_id, _defer_timestamp)
        ON CONFLICT DO NOTHING
        RETURNING id into _defer_id;

    IF _defer_id IS NULL THEN
        RETURN NULL;
    END IF;

    UPDATE procrastinate_periodic_defers
        SET job_id = (
            SELECT COALESCE((
                SELECT unnest(procrastinate_defer_jobs_v1(
                    ARRAY[
                        ROW(
                            _queue_name,
                            _task_name,
                            _priority,
                            _lock,
                            _queueing_lock,
                            _args,
                            NULL::timestamptz
                        )
                    ]::procrastinate_job_to_defer_v1[]
                ))
            ), NULL)
        )
        WHERE id = _defer_id
        RETURNING job_id INTO _job_id;

    DELETE
        FROM procrastinate_periodic_defers
        USING (
            SELECT id
            FROM procrastinate_periodic_defers
            WHERE procrastinate_periodic_defers.task_name = _task_name
            AND procrastinate_periodic_defers.periodic_id = _periodic_id
            AND procrastinate_periodic_defers.defer_timestamp < _defer_timestamp
            ORDER BY id
            FOR UPDATE
        ) to_delete
        WHERE procrastinate_periodic_defers.id = to_delete.id;

    RETURN _job_id;
END;
$$;

CREATE FUNCTION procrastinate_fetch_job_v2(
    target_queue_names character varying[],
    p_worker_id bigint
)
    RETURNS procrastinate_jobs
    LANGUAGE plpgsql
AS $$
DECLARE
	found_jobs procrastinate_jobs;
BEGIN
    WITH candidate AS (
        SELECT jobs.*
            FROM procrastinate_jobs AS jobs
            WHERE
                -- reject the job if its lock has earlier or higher priority jobs
                NOT EXISTS (
                    SELECT 1
                        FROM procrastinate_jobs AS other_jobs
                        WHERE
                            jobs.lock IS NOT NULL
                            AND other_jobs.lock = jobs.lock
                            AND (
                                -- job with same lock is already running
                                other_jobs.status = 'doing'
                                OR
                                -- job with same lock is waiting and has higher priority (or same priority but was queued first)
                                (
                                    other_jobs.status = 'todo'
                                    AND (
                                        other_jobs.priority > jobs.priority
                                        OR (
                                        other_jobs.priority = jobs.priority
                                        AND other_jobs.id < jobs.id
                                        )
                                    )
                                )
                            )
                )
                AND jobs.status = 'todo'
                AND (target_queue_names IS NULL OR jobs.queue_name = ANY( target_queue_names ))
                AND (jobs.scheduled_at IS NULL OR jobs.scheduled_at <= now())
            ORDER BY jobs.priority DESC, jobs.id ASC LIMIT 1
            FOR UPDATE OF jobs SKIP LOCKED
    )
    UPDATE procrastinate_jobs
        SET status = 'doing', worker_id = p_worker_id
        FROM candidate
        WHERE procrastinate_jobs.id = candidate.id
        RETURNING procrastinate_jobs.* INTO found_jobs;

 RETURN found_jobs;
END;
$$;

CREATE FUNCTION procrastinate_finish_job_v1(job_id bigint, end_status procrastinate_job_status, delete_job boolean)
    RETURNS void
    LANGUAGE plpgsql
AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF end_status NOT IN ('succeeded', 'failed', 'aborted') THEN
        RAISE 'End status should be either "succeeded", "failed" or "aborted" (job id: %)', job_id;
    END IF;
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = end_status,
            abort_requested = false,
            attempts = CASE status
                WHEN 'doing' THEN attempts + 1 ELSE attempts
            END
        WHERE id = job_id AND status IN ('todo', 'doing')
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" or "todo" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION procrastinate_cancel_job_v1(job_id bigint, abort boolean, delete_job boolean)
    RETURNS bigint
    LANGUAGE plpgsql
AS $$
DECLARE
    _job_id bigint;
BEGIN
    IF delete_job THEN
        DELETE FROM procrastinate_jobs
        WHERE id = job_id AND status = 'todo'
        RETURNING id INTO _job_id;
    END IF;
    IF _job_id IS NULL THEN
        IF abort THEN
            UPDATE procrastinate_jobs
            SET abort_requested = true,
                status = CASE status
                    WHEN 'todo' THEN 'cancelled'::procrastinate_job_status ELSE status
                END
            WHERE id = job_id AND status IN ('todo', 'doing')
            RETURNING id INTO _job_id;
        ELSE
            UPDATE procrastinate_jobs
            SET status = 'cancelled'::procrastinate_job_status
            WHERE id = job_id AND status = 'todo'
            RETURNING id INTO _job_id;
        END IF;
    END IF;
    RETURN _job_id;
END;
$$;

CREATE FUNCTION procrastinate_retry_job_v1(
    job_id bigint,
    retry_at timestamp with time zone,
    new_priority integer,
    new_queue_name character varying,
    new_lock character varying
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
BEGIN
    SELECT abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status = 'doing'
    FOR UPDATE
    INTO _abort_requested;
    IF _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or not in "doing" status (job id: %)', job_id;
    END IF;
END;
$$;

CREATE FUNCTION procrastinate_retry_job_v2(
    job_id bigint,
    retry_at timestamp with time zone,
    new_priority integer,
    new_queue_name character varying,
    new_lock character varying
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    _job_id bigint;
    _abort_requested boolean;
    _current_status procrastinate_job_status;
BEGIN
    SELECT status, abort_requested FROM procrastinate_jobs
    WHERE id = job_id AND status IN ('doing', 'failed')
    FOR UPDATE
    INTO _current_status, _abort_requested;
    IF _current_status = 'doing' AND _abort_requested THEN
        UPDATE procrastinate_jobs
        SET status = 'failed'::procrastinate_job_status
        WHERE id = job_id AND status = 'doing'
        RETURNING id INTO _job_id;
    ELSE
        UPDATE procrastinate_jobs
        SET status = 'todo'::procrastinate_job_status,
            attempts = attempts + 1,
            scheduled_at = retry_at,
            priority = COALESCE(new_priority, priority),
            queue_name = COALESCE(new_queue_name, queue_name),
            lock = COALESCE(new_lock, lock)
        WHERE id = job_id AND status IN ('doing', 'failed')
        RETURNING id INTO _job_id;
    END IF;

    IF _job_id IS NULL THEN
        RAISE 'Job was not found or has an invalid status to retry (job id: %)', job_id;
    END IF;

END;
$$;

CREATE FUNCTION procrastinate_notify_queue_job_inserted_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'job_inserted', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_notify_queue_abort_job_v1()
RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    payload TEXT;
BEGIN
    SELECT json_build_object('type', 'abort_job_requested', 'job_id', NEW.id)::text INTO payload;
	PERFORM pg_notify('procrastinate_queue_v1#' || NEW.queue_name, payload);
	PERFORM pg_notify('procrastinate_any_queue_v1', payload);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_insert_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'deferred'::procrastinate_job_event_type);
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_status_events_update_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    WITH t AS (
        SELECT CASE
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND NEW.status = 'doing'::procrastinate_job_status
                THEN 'started'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'deferred_for_retry'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'failed'::procrastinate_job_status
                THEN 'failed'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'succeeded'::procrastinate_job_status
                THEN 'succeeded'::procrastinate_job_event_type
            WHEN OLD.status = 'todo'::procrastinate_job_status
                AND (
                    NEW.status = 'cancelled'::procrastinate_job_status
                    OR NEW.status = 'failed'::procrastinate_job_status
                    OR NEW.status = 'succeeded'::procrastinate_job_status
                )
                THEN 'cancelled'::procrastinate_job_event_type
            WHEN OLD.status = 'doing'::procrastinate_job_status
                AND NEW.status = 'aborted'::procrastinate_job_status
                THEN 'aborted'::procrastinate_job_event_type
            WHEN OLD.status = 'failed'::procrastinate_job_status
                AND NEW.status = 'todo'::procrastinate_job_status
                THEN 'retried'::procrastinate_job_event_type
            ELSE NULL
        END as event_type
    )
    INSERT INTO procrastinate_events(job_id, type)
        SELECT NEW.id, t.event_type
        FROM t
        WHERE t.event_type IS NOT NULL;
	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_function_scheduled_events_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type, at)
        VALUES (NEW.id, 'scheduled'::procrastinate_job_event_type, NEW.scheduled_at);

	RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_trigger_abort_requested_events_procedure_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO procrastinate_events(job_id, type)
        VALUES (NEW.id, 'abort_requested'::procrastinate_job_event_type);
    RETURN NEW;
END;
$$;

CREATE FUNCTION procrastinate_unlink_periodic_defers_v1()
    RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE procrastinate_periodic_defers
    SET job_id = NULL
    WHERE job_id = OLD.id;
    RETURN OLD;
END;
$$;

CREATE FUNCTION procrastinate_register_worker_v1()
    RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY
    INSERT INTO procrastinate_workers DEFAULT VALUES
    RETURNING procrastinate_workers.id;
END;
$$;

CREATE FUNCTION procrastinate_unregister_worker_v1(worker_id bigint)
    RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM procrastinate_workers
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION procrastinate_update_heartbeat_v1(worker_id bigint)
    RETURNS void
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE procrastinate_workers
    SET last_heartbeat = NOW()
    WHERE id = worker_id;
END;
$$;

CREATE FUNCTION procrastinate_prune_stalled_workers_v1(seconds_since_heartbeat float)
    RETURNS TABLE(worker_id bigint)
    LANGUAGE plpgsql
AS $$
BEGIN
    RETURN QUERY
    DELETE FROM procrastinate_workers
    WHERE last_heartbeat < NOW() - (seconds_since_heartbeat || 'SECOND')::INTERVAL
    RETURNING procrastinate_workers.id;
END;
$$;

-- Triggers

CREATE TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1
    AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
    EXECUTE PROCEDURE procrastinate_notify_queue_job_inserted_v1();

CREATE TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1
    AFTER UPDATE OF abort_requested ON procrastinate_jobs
    FOR EACH ROW WHEN ((old.abort_requested = false AND new.abort_requested = true AND new.status = 'doing'::procrastinate_job_status))
    EXECUTE PROCEDURE procrastinate_notify_queue_abort_job_v1();

CREATE TRIGGER procrastinate_trigger_status_events_update_v1
    AFTER UPDATE OF status ON procrastinate_jobs
    FOR EACH ROW
    EXECUTE PROCEDURE procrastinate_trigger_function_status_events_update_v1();

CREATE TRIGGER procrastinate_trigger_status_events_insert_v1
    AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN ((new.status = 'todo'::procrastinate_job_status))
    EXECUTE PROCEDURE procrastinate_trigger_function_status_events_insert_v1();

CREATE TRIGGER procrastinate_trigger_scheduled_events_v1
    AFTER UPDATE OR INSERT ON procrastinate_jobs
    FOR EACH ROW WHEN ((new.scheduled_at IS NOT NULL AND new.status = 'todo'::procrastinate_job_status))
    EXECUTE PROCEDURE procrastinate_trigger_function_scheduled_events_v1();

CREATE TRIGGER procrastinate_trigger_abort_requested_events_v1
    AFTER UPDATE OF abort_requested ON procrastinate_jobs
    FOR EACH ROW WHEN ((new.abort_requested = true))
    EXECUTE PROCEDURE procrastinate_trigger_abort_requested_events_procedure_v1();

CREATE TRIGGER procrastinate_trigger_delete_jobs_v1
    BEFORE DELETE ON procrastinate_jobs
    FOR EACH ROW EXECUTE PROCEDURE procrastinate_unlink_periodic_defers_v1();
RESET search_path;
RESET ROLE;

-- tables/secrets.sql
-- A ticket says whose rows a transaction may touch: 'owner/agent/contact/backend/moment#hmac', an empty
-- part where there is none. `backend` is the pg_backend_pid() of the connection, `moment` the database's
-- clock in milliseconds since 1970. The code is HMAC-SHA256 (RFC 2104) over the login role's name and all
-- that stands before it, so a ticket made for one role or connection says nothing to another. Only
-- discreet_gate can read the key.
SET ROLE discreet_gate;

CREATE TABLE gate.secrets (
  one       boolean PRIMARY KEY DEFAULT true CHECK (one),
  inner_pad bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
  outer_pad bytea NOT NULL CHECK (octet_length(outer_pad) = 64)
);
REVOKE ALL ON gate.secrets FROM PUBLIC;
RESET ROLE;

-- tables/agents.sql
-- A persistent identity with a name, a role, instructions, a model and a memory model.
SET ROLE discreet_schema;

CREATE TABLE discreet.agents (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  name         text NOT NULL CHECK (name <> ''),
  role         text NOT NULL DEFAULT '',
  instructions text NOT NULL DEFAULT '',
  model        text,
  memory_model text NOT NULL DEFAULT 'per_contact'
               CHECK (memory_model IN ('per_contact', 'shared')),
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(id))) STORED,
  paused_at    timestamptz,
  UNIQUE (id, owner_id)
);
COMMENT ON COLUMN discreet.agents.paused_at IS
  'since then what is said to it is kept, and waits';
-- Indexes that no sender's statement uses.
CREATE UNIQUE INDEX agents_name ON discreet.agents (owner_id, name) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.agents
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN role SET STATISTICS 0,
  ALTER COLUMN instructions SET STATISTICS 0,
  ALTER COLUMN model SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE discreet.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.agents FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/channel_secrets.sql
-- What connects to an account on a platform, encrypted. The key is in the credentials file, which the
-- database never sees, and whose secret it is goes into the encryption: moved to another row, it can't
-- be read. It belongs to the account, not to a channel: an account that was removed and added again
-- still delivers what waited.
SET ROLE discreet_schema;

CREATE TABLE discreet.channel_secrets (
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id
             REFERENCES discreet.owners ON DELETE CASCADE,
  platform   text NOT NULL,
  account    text NOT NULL,
  sealed     bytea NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, platform, account)
);
ALTER TABLE discreet.channel_secrets
  ALTER COLUMN account SET STATISTICS 0,
  ALTER COLUMN sealed SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.channel_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channel_secrets FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/contacts.sql
-- A person or a group that writes to an agent, or that the owner has entered.
SET ROLE discreet_schema;

CREATE TABLE discreet.contacts (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id      uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  type          text NOT NULL DEFAULT 'external' CHECK (type IN ('external', 'group', 'personal')),
  name          text NOT NULL DEFAULT '',
  aliases       text[] NOT NULL DEFAULT '{}',
  note          text NOT NULL DEFAULT '',
  created_at    timestamptz NOT NULL DEFAULT now(),
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(id))) STORED,
  blocked_at    timestamptz,
  taken_over_at timestamptz,
  merged_into   uuid,
  UNIQUE (id, owner_id),
  CHECK (merged_into <> id),
  FOREIGN KEY (merged_into, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.contacts.blocked_at IS
  'since then nothing it says is taken';
COMMENT ON COLUMN discreet.contacts.taken_over_at IS
  'since then the owner answers it in person, and the agent is silent';
COMMENT ON COLUMN discreet.contacts.merged_into IS
  'the contact that has its addresses and rows now, because they are one person';
CREATE INDEX contacts_owner ON discreet.contacts (owner_id, created_at) WHERE owner_key IS NOT NULL;
CREATE INDEX contacts_merged
  ON discreet.contacts (merged_into) WHERE merged_into IS NOT NULL AND owner_key IS NOT NULL;
ALTER TABLE discreet.contacts
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN aliases SET STATISTICS 0,
  ALTER COLUMN note SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE discreet.contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.contacts FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/erased_addresses.sql
-- Platforms tell late what was said, and twice: nothing that was said before its sender was erased is
-- taken afterwards. A keyed hash of an address for a week, which is as far back as platforms go.
SET ROLE discreet_schema;

CREATE TABLE discreet.erased_addresses (
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  digest    bytea NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (owner_id, digest)
);
ALTER TABLE discreet.erased_addresses
  ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE discreet.erased_addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erased_addresses FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/erasures.sql
-- A receipt: when, and how many rows of each kind. Nothing in it says who that was.
SET ROLE discreet_schema;

CREATE TABLE discreet.erasures (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  counts    jsonb NOT NULL,
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
CREATE INDEX erasures_owner ON discreet.erasures (owner_id, erased_at);
ALTER TABLE discreet.erasures
  ALTER COLUMN counts SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.erasures ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.erasures FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/owner_links.sql
-- A code that the owner sends to the bot, to say that this account is theirs.
SET ROLE discreet_schema;

CREATE TABLE discreet.owner_links (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  platform   text NOT NULL,
  digest     bytea NOT NULL,
  used_by    text,
  used_at    timestamptz,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED
);
CREATE INDEX owner_links_pending ON discreet.owner_links (owner_id, platform) WHERE used_at IS NULL;
ALTER TABLE discreet.owner_links
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN used_by SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_links FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/owner_term_stats.sql
-- How many of an owner's memories hold a word, about: of those that are not rare. The word '' stands
-- for all memories, '#' for the words in them together.
SET ROLE discreet_schema;

CREATE TABLE discreet.owner_term_stats (
  owner_id  uuid NOT NULL REFERENCES discreet.owners,
  word      text NOT NULL,
  document_frequency   bigint NOT NULL,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (owner_id, word)
);
ALTER TABLE discreet.owner_term_stats
  ALTER COLUMN word SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.owner_term_stats ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.owner_term_stats FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/channels.sql
-- A connection to a platform that leads to one agent. Every agent has a terminal of its own.
SET ROLE discreet_schema;

CREATE TABLE discreet.channels (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id    uuid NOT NULL,
  platform    text NOT NULL,
  account     text NOT NULL DEFAULT '',
  created_at  timestamptz NOT NULL DEFAULT now(),
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  name        text NOT NULL DEFAULT '',
  closed_at   timestamptz,
  parent_id   uuid,
  only_chat   text CHECK (only_chat <> ''),
  admission   text NOT NULL DEFAULT 'pairing' CHECK (admission IN ('open', 'pairing', 'allowlist')),
  debounce      interval NOT NULL DEFAULT interval '1.5 seconds'
              CHECK (debounce >= interval '0' AND debounce <= interval '1 minute'),
  received_through timestamptz NOT NULL DEFAULT now(),
  last_error     text NOT NULL DEFAULT '',
  UNIQUE (id, owner_id, agent_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  UNIQUE (id, owner_id, platform, account),
  CHECK ((parent_id IS NULL) = (only_chat IS NULL)),
  FOREIGN KEY (parent_id, owner_id, platform, account)
    REFERENCES discreet.channels (id, owner_id, platform, account)
);
COMMENT ON COLUMN discreet.channels.only_chat IS
  'the chat, or the group or direct sender in it, as the platform calls it; null: all that have none of their own';
COMMENT ON COLUMN discreet.channels.debounce IS
  'how long a first message waits for those that follow it; a terminal never waits';
CREATE UNIQUE INDEX channels_open
  ON discreet.channels (owner_id, platform, account, only_chat) NULLS NOT DISTINCT
  WHERE closed_at IS NULL;
CREATE INDEX channels_branches
  ON discreet.channels (parent_id, only_chat, owner_id) WHERE parent_id IS NOT NULL;
ALTER TABLE discreet.channels
  ALTER COLUMN account SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN only_chat SET STATISTICS 0,
  ALTER COLUMN last_error SET STATISTICS 0;
ALTER TABLE discreet.channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.channels FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/passages.sql
-- Reference texts: published by the owner to everybody who talks to the agent, never memories.
SET ROLE discreet_schema;

CREATE TABLE discreet.passages (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  title      text NOT NULL,
  position   integer NOT NULL,
  content    text NOT NULL CHECK (content <> ''),
  terms      text[] NOT NULL DEFAULT '{}',
  tokens     bytea,
  embedder   text,
  embedding  public.vector,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  scope_key  text
             GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id) || uuid_send(agent_id))) STORED,
  UNIQUE (agent_id, title, "position", owner_id),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id)
);
ALTER TABLE discreet.passages
  ALTER COLUMN title SET STATISTICS 0,
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE discreet.passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.passages FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/addresses.sql
-- A platform identity. It leads to one contact, or to the owner.
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
  CHECK (of_owner = (contact_id IS NULL)),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX addresses_contact ON discreet.addresses (contact_id, owner_id);
CREATE UNIQUE INDEX addresses_once
  ON discreet.addresses (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.addresses
  ALTER COLUMN platform_id SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0;
ALTER TABLE discreet.addresses ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.addresses FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/limit_hits.sql
-- Who went beyond, until when they get silence, and how many messages were not taken since.
SET ROLE discreet_schema;

CREATE TABLE discreet.limit_hits (
  agent_id   uuid NOT NULL,
  contact_id uuid NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('messages_a_minute', 'waiting', 'tokens_a_day')),
  owner_id   uuid NOT NULL,
  refused    integer NOT NULL DEFAULT 1,
  since      timestamptz NOT NULL DEFAULT clock_timestamp(),
  until      timestamptz NOT NULL,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (agent_id, contact_id, kind),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX limit_hits_owner ON discreet.limit_hits (owner_id, since);
ALTER TABLE discreet.limit_hits
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.limit_hits ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.limit_hits FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/limits.sql
-- Null contact_id: everybody who has no row. A null number: as for everybody, else as built in.
SET ROLE discreet_schema;

CREATE TABLE discreet.limits (
  id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id          uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  contact_id        uuid,
  messages_a_minute integer CHECK (messages_a_minute > 0),
  waiting           integer CHECK (waiting > 0),
  tokens_a_day      bigint CHECK (tokens_a_day > 0),
  owner_key         text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE NULLS NOT DISTINCT (owner_id, contact_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
ALTER TABLE discreet.limits
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.limits FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/link_requests.sql
-- Somebody says that they write from another account too. The first code is theirs to carry there;
-- the code that comes back belongs to the two of them and nobody else.
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
RESET ROLE;

-- tables/links.sql
-- proof: 'owner' (who said so), or 'codes' (a code went from each of the two to the other).
SET ROLE discreet_schema;

CREATE TABLE discreet.links (
  id        uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id  uuid NOT NULL,
  survivor_id   uuid NOT NULL,
  merged_id uuid NOT NULL,
  proof     text NOT NULL CHECK (proof IN ('owner', 'codes')),
  linked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  undone_at timestamptz,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (id, owner_id),
  FOREIGN KEY (survivor_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE,
  FOREIGN KEY (merged_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX links_merged ON discreet.links (merged_id) WHERE undone_at IS NULL;
CREATE INDEX links_survivor ON discreet.links (survivor_id);
ALTER TABLE discreet.links
  ALTER COLUMN proof SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.links ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.links FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/memories.sql
-- What an agent keeps; every older version is in memory_history.
SET ROLE discreet_schema;

CREATE TABLE discreet.memories (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id uuid DEFAULT (gate.scope()).contact_id,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  content    text NOT NULL CHECK (content <> ''),
  digest     text NOT NULL GENERATED ALWAYS AS (md5(gate.plain_text(content))) STORED,
  summary    text NOT NULL DEFAULT '',
  topic_key  text,
  topics     text[] NOT NULL DEFAULT '{}',
  salience   text NOT NULL DEFAULT 'medium'
             CHECK (salience IN ('low', 'medium', 'high', 'critical')),
  source     text NOT NULL DEFAULT 'agent',
  metadata   jsonb NOT NULL DEFAULT '{}',
  expires_at timestamptz,
  version    integer NOT NULL DEFAULT 1,
  terms      text[] NOT NULL DEFAULT '{}',
  tokens     bytea,
  embedder   text,
  embedding  public.vector,
  turn_id    uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key  text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  used_at    timestamptz,
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id),
  CONSTRAINT memories_topic_key CHECK (topic_key <> '' AND (length(topic_key) <= 200))
);
COMMENT ON COLUMN discreet.memories.turn_id IS
  'the turn that wrote it; no foreign key, for that would tell which ids exist';
COMMENT ON COLUMN discreet.memories.used_at IS
  'about when a turn of its own scope last found it; to the day';
CREATE INDEX memories_scope ON discreet.memories (owner_id, agent_id, contact_id, created_at);
-- What is still to be embedded, for the owner's scope, in which the server catches up on it.
CREATE INDEX memories_unindexed
  ON discreet.memories (owner_id, created_at, id) WHERE embedder IS NULL AND owner_key IS NOT NULL;
CREATE UNIQUE INDEX memories_once ON discreet.memories (owner_id, agent_id, party, digest);
CREATE UNIQUE INDEX memories_topic
  ON discreet.memories (owner_id, agent_id, party, topic_key) WHERE topic_key IS NOT NULL;
CREATE INDEX memories_knowledge
  ON discreet.memories (owner_id, agent_id, party) WHERE salience IN ('critical', 'high');
CREATE INDEX memories_expiry
  ON discreet.memories (expires_at, owner_id)
  WHERE expires_at IS NOT NULL AND owner_key IS NOT NULL;
CREATE INDEX memories_terms ON discreet.memories USING gin (terms) WHERE owner_key IS NOT NULL;
CREATE INDEX memories_near_1666d36c1f5b
  ON discreet.memories USING hnsw (((embedding)::halfvec(256)) halfvec_cosine_ops)
  WHERE embedder = 'wordllama-l2-supercat-256' AND owner_key IS NOT NULL;
ALTER TABLE discreet.memories
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN summary SET STATISTICS 0,
  ALTER COLUMN topic_key SET STATISTICS 0,
  ALTER COLUMN topics SET STATISTICS 0,
  ALTER COLUMN source SET STATISTICS 0,
  ALTER COLUMN metadata SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.memories ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.memories FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/memory_history.sql
-- Older versions of memories, kept by a trigger.
SET ROLE discreet_schema;

CREATE TABLE discreet.memory_history (
  memory_id   uuid NOT NULL,
  version     integer NOT NULL,
  owner_id    uuid NOT NULL,
  agent_id    uuid NOT NULL,
  contact_id  uuid,
  shared      boolean NOT NULL,
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  content     text NOT NULL,
  summary     text NOT NULL,
  topic_key   text,
  topics      text[] NOT NULL,
  salience    text NOT NULL,
  source      text NOT NULL,
  metadata    jsonb NOT NULL,
  expires_at  timestamptz,
  terms       text[] NOT NULL,
  tokens      bytea,
  embedder    text,
  embedding   public.vector,
  turn_id     uuid,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  change      text NOT NULL CHECK (change IN ('update', 'delete', 'expire')),
  archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key   text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (memory_id, version),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
CREATE INDEX memory_history_scope
  ON discreet.memory_history (owner_id, agent_id, contact_id, archived_at);
ALTER TABLE discreet.memory_history
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN summary SET STATISTICS 0,
  ALTER COLUMN topic_key SET STATISTICS 0,
  ALTER COLUMN topics SET STATISTICS 0,
  ALTER COLUMN source SET STATISTICS 0,
  ALTER COLUMN metadata SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.memory_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.memory_history FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/sessions.sql
-- One conversation of a party with an agent, on a thread.
--
-- Null contact_id means the owner; or, in a row that is `shared`, everybody who talks to an agent that
-- shares its memory. What a row is was decided when it was made, whatever becomes of the agent. Because a
-- composite foreign key with a null column checks nothing, scoped tables carry `party`: the contact, else the
-- agent of a shared row, else the owner. It is never null, and foreign keys between scoped tables go through
-- it, so no row can refer to another scope's row. A scoped row leads to its owner through its session, agent
-- or contact: a foreign key of its own would have every message of everybody lock the same row.
SET ROLE discreet_schema;

CREATE TABLE discreet.sessions (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id        uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id        uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id      uuid DEFAULT (gate.scope()).contact_id,
  shared          boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party           uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  thread_key      text NOT NULL DEFAULT '',
  last_position   bigint NOT NULL DEFAULT 0,
  last_message_at timestamptz,
  current_turn    uuid,
  created_at      timestamptz NOT NULL DEFAULT now(),
  ended_at        timestamptz,
  scope_key       text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key       text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  compacted_to    bigint NOT NULL DEFAULT 0,
  summary_id      uuid,
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id)
);
COMMENT ON COLUMN discreet.sessions.current_turn IS
  'the turn that holds this session; a turn that is no longer named here may not save';
COMMENT ON COLUMN discreet.sessions.compacted_to IS
  'the last message that the summary stands for; the messages themselves stay';
COMMENT ON COLUMN discreet.sessions.summary_id IS
  'a memory of the same party, or it counts for nothing; no foreign key, for that would tell which ids exist';
CREATE UNIQUE INDEX sessions_open
  ON discreet.sessions (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL;
-- Whom an agent knows: who has a session with it, and who spoke to it among others.
CREATE INDEX sessions_party ON discreet.sessions (owner_id, agent_id, party);
ALTER TABLE discreet.sessions
  ALTER COLUMN thread_key SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.sessions FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/tokens.sql
-- What a machine shows to come in. A token carries its scope: the owner's (no agent), an agent's, or one
-- contact's with one agent. Only its SHA-256 is kept: 256 random bits need no slow hash.
SET ROLE discreet_schema;

CREATE TABLE discreet.tokens (
  id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id     uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  agent_id     uuid,
  contact_id   uuid,
  name         text NOT NULL DEFAULT '',
  prefix       text NOT NULL,
  digest       bytea NOT NULL CHECK (octet_length(digest) = 32) UNIQUE,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz,
  owner_key    text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  CHECK (contact_id IS NULL OR agent_id IS NOT NULL),
  FOREIGN KEY (agent_id, owner_id) REFERENCES discreet.agents (id, owner_id),
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX tokens_owner ON discreet.tokens (owner_id, created_at);
CREATE INDEX tokens_contact ON discreet.tokens (contact_id);
ALTER TABLE discreet.tokens
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN prefix SET STATISTICS 0,
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.tokens FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/wrong_codes.sql
-- Codes that were none: of strangers, as the owner typed them, and what a sender (a keyed hash of their
-- address) said while the owner's own code was expected.
SET ROLE discreet_schema;

CREATE TABLE discreet.wrong_codes (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL REFERENCES discreet.owners,
  sender     bytea,
  tried_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  contact_id uuid,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX wrong_codes_owner ON discreet.wrong_codes (owner_id, tried_at);
CREATE INDEX wrong_codes_sender ON discreet.wrong_codes (sender, owner_id) WHERE sender IS NOT NULL;
CREATE INDEX wrong_codes_contact ON discreet.wrong_codes (contact_id, tried_at, owner_id);
ALTER TABLE discreet.wrong_codes
  ALTER COLUMN sender SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.wrong_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.wrong_codes FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/admissions.sql
-- Who was let in. A group is let in as a whole.
SET ROLE discreet_schema;

CREATE TABLE discreet.admissions (
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (channel_id, contact_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX admissions_contact ON discreet.admissions (contact_id);
ALTER TABLE discreet.admissions
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.admissions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.admissions FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/early_receipts.sql
-- Told before it was noted here that the platform took it. Others may send through the same account;
-- what is told about theirs waits here too, for an hour.
SET ROLE discreet_schema;

CREATE TABLE discreet.early_receipts (
  id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id         uuid NOT NULL,
  channel_id       uuid NOT NULL REFERENCES discreet.channels,
  chats            text[] NOT NULL,
  platform_message text NOT NULL,
  stage            text NOT NULL CHECK (stage IN ('delivered', 'read', 'failed')),
  at               timestamptz NOT NULL,
  why              text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX early_receipts_message ON discreet.early_receipts (channel_id, platform_message);
CREATE INDEX early_receipts_age ON discreet.early_receipts (created_at);
ALTER TABLE discreet.early_receipts
  ALTER COLUMN chats SET STATISTICS 0,
  ALTER COLUMN platform_message SET STATISTICS 0,
  ALTER COLUMN stage SET STATISTICS 0,
  ALTER COLUMN why SET STATISTICS 0;
ALTER TABLE discreet.early_receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.early_receipts FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/pairings.sql
-- A stranger who asks to come in: one channel, one contact, one code at a time.
SET ROLE discreet_schema;

CREATE TABLE discreet.pairings (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id   uuid NOT NULL,
  agent_id   uuid NOT NULL,
  channel_id uuid NOT NULL,
  contact_id uuid NOT NULL,
  code       text NOT NULL,
  state      text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied')),
  issued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (channel_id, contact_id),
  UNIQUE (id, owner_id),
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
    ON DELETE CASCADE,
  FOREIGN KEY (contact_id, owner_id) REFERENCES discreet.contacts (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX pairings_contact ON discreet.pairings (contact_id);
CREATE UNIQUE INDEX pairings_code ON discreet.pairings (owner_id, code) WHERE state = 'pending';
ALTER TABLE discreet.pairings
  ALTER COLUMN code SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.pairings ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.pairings FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/quarantine.sql
-- What came in and could not be given to a contact. It waits here, where only the owner sees it.
SET ROLE discreet_schema;

CREATE TABLE discreet.quarantine (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id REFERENCES discreet.owners,
  channel_id  uuid NOT NULL REFERENCES discreet.channels,
  dedupe_key  text NOT NULL,
  inbound     jsonb NOT NULL,
  reason      text NOT NULL,
  attempts    integer NOT NULL DEFAULT 1,
  next_try_at timestamptz NOT NULL DEFAULT now(),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  released_at timestamptz,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (channel_id, dedupe_key, owner_id)
);
CREATE INDEX quarantine_waiting
  ON discreet.quarantine (next_try_at, owner_id) WHERE released_at IS NULL;
ALTER TABLE discreet.quarantine
  ALTER COLUMN dedupe_key SET STATISTICS 0,
  ALTER COLUMN inbound SET STATISTICS 0,
  ALTER COLUMN reason SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.quarantine ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.quarantine FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/linked_rows.sql
-- What a link moved. key: an address as it is written, a session, a memory; or a channel on which the
-- kept contact was let in by it. was: an open session's 'open'; the topic key that a memory gave up.
SET ROLE discreet_schema;

CREATE TABLE discreet.linked_rows (
  link_id   uuid NOT NULL,
  owner_id  uuid NOT NULL,
  kind      text NOT NULL CHECK (kind IN ('address', 'session', 'memory', 'admission')),
  key       text NOT NULL,
  was       text,
  owner_key text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (link_id, kind, key, owner_id),
  FOREIGN KEY (link_id, owner_id) REFERENCES discreet.links (id, owner_id) ON DELETE CASCADE
);
ALTER TABLE discreet.linked_rows
  ALTER COLUMN key SET STATISTICS 0,
  ALTER COLUMN was SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.linked_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.linked_rows FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/routes.sql
-- Where messages of a session come from and answers go back to. Written by intake alone, and bound
-- to its session, so an answer can leave by no other way.
SET ROLE discreet_schema;

CREATE TABLE discreet.routes (
  id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id      uuid NOT NULL,
  agent_id      uuid NOT NULL,
  contact_id    uuid,
  shared        boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party         uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id    uuid NOT NULL,
  channel_id    uuid NOT NULL,
  chat_id       text NOT NULL CHECK (chat_id <> ''),
  thread_id     text NOT NULL DEFAULT '',
  scope_key     text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key     text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  draft_message text,
  draft_at      timestamptz,
  CONSTRAINT routes_session_id_channel_id_chat_id_thread_id_owner_id_age_key UNIQUE (session_id, channel_id, chat_id, thread_id, owner_id, agent_id, party),
  UNIQUE (id, session_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (channel_id, owner_id, agent_id)
    REFERENCES discreet.channels (id, owner_id, agent_id)
);
COMMENT ON COLUMN discreet.routes.draft_message IS
  'what the platform calls the message in which an answer grows; the next answer takes its place';
COMMENT ON COLUMN discreet.routes.draft_at IS
  'when it was last written; null: nobody knows how it stands there, so it is replaced, not edited';
CREATE INDEX routes_channel ON discreet.routes (channel_id, owner_id, agent_id, party);
ALTER TABLE discreet.routes
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN thread_id SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN draft_message SET STATISTICS 0;
ALTER TABLE discreet.routes ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.routes FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/idempotency_keys.sql
-- What a machine asked for once under a key of its own (Idempotency-Key), so that asking again doesn't
-- do it twice. Digests and the id of what came of it: no text and nobody's name. Kept for a day.
SET ROLE discreet_schema;

CREATE TABLE discreet.idempotency_keys (
  token_id     uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  digest       bytea NOT NULL,
  owner_id     uuid NOT NULL,
  asked        bytea NOT NULL,
  made         uuid,
  lease        uuid NOT NULL DEFAULT gen_random_uuid(),
  leased_until timestamptz NOT NULL DEFAULT '-infinity'::timestamp with time zone,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (token_id, digest)
);
CREATE INDEX idempotency_keys_age ON discreet.idempotency_keys (created_at);
ALTER TABLE discreet.idempotency_keys
  ALTER COLUMN digest SET STATISTICS 0,
  ALTER COLUMN asked SET STATISTICS 0;
ALTER TABLE discreet.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.idempotency_keys FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/mcp_sessions.sql
-- What an MCP connection was bound to by start_session. It stays here, so that it survives a reconnect
-- and holds in every process. Nobody but the gate reads it.
SET ROLE discreet_schema;

CREATE TABLE discreet.mcp_sessions (
  digest     bytea PRIMARY KEY,
  token_id   uuid NOT NULL REFERENCES discreet.tokens ON DELETE CASCADE,
  owner_id   uuid NOT NULL,
  agent_id   uuid,
  contact_id uuid,
  shared     boolean NOT NULL DEFAULT false,
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id uuid,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  used_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (session_id IS NULL OR agent_id IS NOT NULL),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
ALTER TABLE discreet.mcp_sessions
  ALTER COLUMN digest SET STATISTICS 0;
ALTER TABLE discreet.mcp_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.mcp_sessions FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/held_messages.sql
-- What strangers said meanwhile, as it arrived. It is nobody's row until they are let in.
SET ROLE discreet_schema;

CREATE TABLE discreet.held_messages (
  channel_id       uuid NOT NULL,
  chat_id          text NOT NULL,
  platform_message text NOT NULL,
  owner_id         uuid NOT NULL,
  pairing_id       uuid NOT NULL,
  arrived          jsonb NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  owner_key        text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (channel_id, chat_id, platform_message, owner_id),
  FOREIGN KEY (pairing_id, owner_id) REFERENCES discreet.pairings (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX held_messages_pairing ON discreet.held_messages (pairing_id, created_at, owner_id);
ALTER TABLE discreet.held_messages
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message SET STATISTICS 0,
  ALTER COLUMN arrived SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.held_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.held_messages FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/turns.sql
-- One run of an agent over the messages that wait in a session.
SET ROLE discreet_schema;

CREATE TABLE discreet.turns (
  id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id    uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id    uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id  uuid DEFAULT (gate.scope()).contact_id,
  shared      boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party       uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id  uuid NOT NULL,
  route_id    uuid NOT NULL,
  state       text NOT NULL DEFAULT 'running'
              CHECK (state IN ('running', 'answered', 'failed', 'given_up', 'lost', 'stopped')),
  attempt     integer NOT NULL DEFAULT 1,
  model       text,
  prompt      jsonb,
  steps       jsonb,
  usage       jsonb,
  error       text,
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  scope_key   text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key   text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  UNIQUE (id, session_id),
  UNIQUE (id, owner_id, agent_id, party),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE
);
CREATE INDEX turns_session ON discreet.turns (session_id, started_at, owner_id, agent_id, party);
CREATE INDEX turns_failed
  ON discreet.turns (owner_id, started_at)
  WHERE state IN ('failed', 'given_up', 'running', 'lost') AND owner_key IS NOT NULL;
CREATE INDEX turns_party ON discreet.turns (owner_id, agent_id, party, started_at);
ALTER TABLE discreet.turns
  ALTER COLUMN model SET STATISTICS 0,
  ALTER COLUMN prompt SET STATISTICS 0,
  ALTER COLUMN steps SET STATISTICS 0,
  ALTER COLUMN usage SET STATISTICS 0,
  ALTER COLUMN error SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.turns ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.turns FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/drafts.sql
-- What the model has written so far of an answer, for who waits at a terminal.
SET ROLE discreet_schema;

CREATE TABLE discreet.drafts (
  turn_id    uuid NOT NULL,
  owner_id   uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id   uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id uuid DEFAULT (gate.scope()).contact_id,
  shared     boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party      uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  text       text NOT NULL,
  scope_key  text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key  text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  PRIMARY KEY (turn_id, owner_id, agent_id, party),
  FOREIGN KEY (turn_id, owner_id, agent_id, party)
    REFERENCES discreet.turns (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
ALTER TABLE discreet.drafts
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.drafts FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/messages.sql
-- Everything that was said, in and out. `party`: see sessions.sql.
SET ROLE discreet_schema;

CREATE TABLE discreet.messages (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id            uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id            uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id          uuid DEFAULT (gate.scope()).contact_id,
  shared              boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party               uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id          uuid NOT NULL,
  route_id            uuid NOT NULL,
  position            bigint NOT NULL,
  direction           text NOT NULL CHECK (direction IN ('in', 'out')),
  state               text NOT NULL DEFAULT 'waiting'
                      CHECK (state IN ('waiting', 'taken', 'answered', 'failed', 'context', 'sent')),
  text                text NOT NULL CHECK (text <> ''),
  sender_contact_id   uuid,
  sender_address      text NOT NULL DEFAULT '',
  sender_name         text NOT NULL DEFAULT '',
  channel_id          uuid,
  chat_id             text,
  platform_message_id text,
  reply_to            text,
  turn_id             uuid,
  attempts            integer NOT NULL DEFAULT 0,
  not_before          timestamptz,
  terms               text[],
  tokens              bytea,
  embedder            text,
  embedding           public.vector,
  sent_at             timestamptz,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key           text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key           text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  album               text NOT NULL DEFAULT '',
  command             text,
  in_person           boolean NOT NULL DEFAULT false,
  -- With the scope in it, another scope's position is no conflict; it fails as a foreign key.
  UNIQUE (session_id, position, owner_id, agent_id, party),
  UNIQUE (id, session_id, route_id),
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (route_id, session_id) REFERENCES discreet.routes (id, session_id) ON DELETE CASCADE,
  FOREIGN KEY (turn_id, session_id)
    REFERENCES discreet.turns (id, session_id)
    ON DELETE SET NULL (turn_id)
);
COMMENT ON COLUMN discreet.messages.state IS
  'inbound: waiting, taken by a turn, answered, failed (given up), context (overheard, never answered); outbound: always sent, its delivery is in outbox';
COMMENT ON COLUMN discreet.messages.command IS
  'what the machine was asked for, or (outbound) what it answers; no part of the conversation';
COMMENT ON COLUMN discreet.messages.in_person IS
  'said by the owner in the place of the agent';
CREATE INDEX messages_waiting
  ON discreet.messages (session_id, position, owner_id, agent_id, party)
  WHERE state IN ('waiting', 'taken');
CREATE INDEX messages_turn
  ON discreet.messages (turn_id, owner_id, agent_id, party) WHERE turn_id IS NOT NULL;
CREATE INDEX messages_scope ON discreet.messages (owner_id, agent_id, contact_id, created_at);
-- A repeated delivery by the platform changes nothing.
CREATE UNIQUE INDEX messages_once
  ON discreet.messages (channel_id, chat_id, platform_message_id, owner_id)
  WHERE direction = 'in' AND owner_key IS NOT NULL;
CREATE INDEX messages_context
  ON discreet.messages (session_id, position, owner_id, agent_id, party) WHERE state = 'context';
CREATE INDEX messages_album
  ON discreet.messages (session_id, album, owner_id)
  WHERE album <> '' AND state IN ('waiting', 'context') AND owner_key IS NOT NULL;
CREATE INDEX messages_among_others
  ON discreet.messages (agent_id, sender_contact_id)
  WHERE contact_id IS NULL OR (sender_contact_id <> contact_id);
ALTER TABLE discreet.messages
  ALTER COLUMN text SET STATISTICS 0,
  ALTER COLUMN sender_address SET STATISTICS 0,
  ALTER COLUMN sender_name SET STATISTICS 0,
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message_id SET STATISTICS 0,
  ALTER COLUMN reply_to SET STATISTICS 0,
  ALTER COLUMN terms SET STATISTICS 0,
  ALTER COLUMN tokens SET STATISTICS 0,
  ALTER COLUMN embedder SET STATISTICS 0,
  ALTER COLUMN embedding SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0,
  ALTER COLUMN album SET STATISTICS 0,
  ALTER COLUMN command SET STATISTICS 0;
ALTER TABLE discreet.messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.messages FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/attachments.sql
-- A file that came with a message. What the platform calls it is kept at once, its bytes are fetched
-- before the turn that needs them.
SET ROLE discreet_schema;

CREATE TABLE discreet.attachments (
  id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id            uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id            uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id          uuid DEFAULT (gate.scope()).contact_id,
  shared              boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party               uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id          uuid NOT NULL,
  route_id            uuid NOT NULL,
  message_id          uuid NOT NULL,
  position            integer NOT NULL,
  kind                text NOT NULL
                      CHECK (kind IN ('photo', 'voice', 'audio', 'video', 'document')),
  platform_file       text NOT NULL CHECK (platform_file <> ''),
  name                text NOT NULL DEFAULT '',
  media_type          text NOT NULL DEFAULT '',
  size                bigint,
  channel_id          uuid NOT NULL,
  chat_id             text NOT NULL,
  platform_message_id text NOT NULL,
  state               text NOT NULL DEFAULT 'remote' CHECK (state IN ('remote', 'kept', 'refused')),
  refusal             text NOT NULL DEFAULT '',
  content             bytea,
  created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  scope_key           text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key           text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  CHECK ((state = 'kept') = (content IS NOT NULL)),
  UNIQUE (message_id, "position"),
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id)
    ON DELETE CASCADE,
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.attachments.state IS
  'remote: not fetched yet; kept: here; refused: too large, gone, or of a kind that is not taken';
-- A part of an album that is delivered again changes nothing.
CREATE INDEX attachments_part
  ON discreet.attachments (channel_id, chat_id, platform_message_id, owner_id)
  WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.attachments
  ALTER COLUMN platform_file SET STATISTICS 0,
  ALTER COLUMN name SET STATISTICS 0,
  ALTER COLUMN media_type SET STATISTICS 0,
  ALTER COLUMN chat_id SET STATISTICS 0,
  ALTER COLUMN platform_message_id SET STATISTICS 0,
  ALTER COLUMN refusal SET STATISTICS 0,
  ALTER COLUMN content SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.attachments FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- tables/outbox.sql
-- Answers on their way, one row for each message that goes out.
SET ROLE discreet_schema;

CREATE TABLE discreet.outbox (
  message_id        uuid NOT NULL,
  owner_id          uuid NOT NULL DEFAULT (gate.scope()).owner_id,
  agent_id          uuid NOT NULL DEFAULT (gate.scope()).agent_id,
  contact_id        uuid DEFAULT (gate.scope()).contact_id,
  shared            boolean NOT NULL DEFAULT (session_user = 'discreet_shared'),
  party             uuid NOT NULL GENERATED ALWAYS AS (
    coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)) STORED,
  session_id        uuid NOT NULL,
  route_id          uuid NOT NULL,
  state             text NOT NULL DEFAULT 'pending'
                    CHECK (state IN ('pending', 'sending', 'sent', 'failed')),
  attempts          integer NOT NULL DEFAULT 0,
  next_try_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  error             text,
  platform_messages text[] NOT NULL DEFAULT '{}',
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  sent_at           timestamptz,
  doubted_at        timestamptz,
  scope_key         text GENERATED ALWAYS AS (
    gate.key_of(uuid_send(owner_id) || uuid_send(agent_id)
    || uuid_send(coalesce(contact_id, CASE WHEN shared THEN agent_id ELSE owner_id END)))) STORED,
  owner_key         text GENERATED ALWAYS AS (gate.key_of(uuid_send(owner_id))) STORED,
  parts_sent        integer NOT NULL DEFAULT 0,
  delivered_at      timestamptz,
  read_at           timestamptz,
  PRIMARY KEY (message_id, owner_id, agent_id, party),
  -- First the scope, then the message: checked in this order, so that another scope's ids fail as
  -- ids that do not exist.
  FOREIGN KEY (session_id, owner_id, agent_id, party)
    REFERENCES discreet.sessions (id, owner_id, agent_id, party)
    ON DELETE CASCADE,
  FOREIGN KEY (message_id, session_id, route_id)
    REFERENCES discreet.messages (id, session_id, route_id)
    ON DELETE CASCADE
);
COMMENT ON COLUMN discreet.outbox.platform_messages IS
  'what the platform calls the messages that it took, a long answer takes several; in their order';
CREATE INDEX outbox_due
  ON discreet.outbox (route_id, created_at, owner_id, agent_id, party)
  WHERE state IN ('pending', 'sending');
CREATE INDEX outbox_undelivered
  ON discreet.outbox (owner_id, created_at) WHERE state <> 'sent' AND owner_key IS NOT NULL;
CREATE INDEX outbox_platform_messages
  ON discreet.outbox USING gin (platform_messages) WHERE owner_key IS NOT NULL;
ALTER TABLE discreet.outbox
  ALTER COLUMN error SET STATISTICS 0,
  ALTER COLUMN platform_messages SET STATISTICS 0,
  ALTER COLUMN scope_key SET STATISTICS 0,
  ALTER COLUMN owner_key SET STATISTICS 0;
ALTER TABLE discreet.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE discreet.outbox FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- functions/auth/idempotency.sql
SET ROLE discreet_gate;

-- state: 'new' (do it, then settle it), 'done' (`made` came of it), 'busy' (somebody is at it), 'other'
-- (the key was used for something else). Whoever is at it holds a lease, for so long, and renews it; with
-- its lease it settles the key. One that isn't renewed belongs to somebody who has died.
CREATE OR REPLACE FUNCTION gate.claim_idempotency_key(
  token uuid, shown bytea, wanted bytea, so_long interval,
  OUT state text, OUT made uuid, OUT lease uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before discreet.idempotency_keys;
BEGIN
  DELETE FROM discreet.idempotency_keys k WHERE k.created_at < clock_timestamp() - interval '1 day';
  lease := gen_random_uuid();
  INSERT INTO discreet.idempotency_keys (token_id, digest, owner_id, asked, lease, leased_until)
    SELECT t.id, shown, t.owner_id, wanted, lease, clock_timestamp() + so_long
      FROM discreet.tokens t WHERE t.id = token
    ON CONFLICT DO NOTHING;
  IF FOUND THEN
    state := 'new';
    RETURN;
  END IF;
  SELECT k.* INTO before FROM discreet.idempotency_keys k
   WHERE k.token_id = token AND k.digest = shown FOR UPDATE;
  IF before.asked <> wanted THEN
    state := 'other';
  ELSIF before.made IS NOT NULL THEN
    state := 'done';
    made := before.made;
  ELSIF before.leased_until < clock_timestamp() THEN
    UPDATE discreet.idempotency_keys k
       SET lease = claim_idempotency_key.lease, leased_until = clock_timestamp() + so_long
     WHERE k.token_id = token AND k.digest = shown;
    state := 'new';
  ELSE
    state := 'busy';
  END IF;
END $$;

-- Whether the lease still holds; then it does so much longer.
CREATE OR REPLACE FUNCTION gate.renew_idempotency_key(token uuid, shown bytea, held uuid, so_long interval)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.idempotency_keys k SET leased_until = clock_timestamp() + so_long
   WHERE k.token_id = token AND k.digest = shown AND k.lease = held AND k.made IS NULL;
  RETURN FOUND;
END $$;

-- `result` null: nothing came of it, and the key is free again. Who has lost the lease changes nothing.
CREATE OR REPLACE FUNCTION gate.settle_idempotency_key(token uuid, shown bytea, held uuid, result uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF result IS NULL THEN
    DELETE FROM discreet.idempotency_keys k
     WHERE k.token_id = token AND k.digest = shown AND k.lease = held AND k.made IS NULL;
  ELSE
    UPDATE discreet.idempotency_keys k SET made = result
     WHERE k.token_id = token AND k.digest = shown AND k.lease = held;
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.claim_idempotency_key, gate.renew_idempotency_key,
  gate.settle_idempotency_key FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.claim_idempotency_key, gate.renew_idempotency_key,
  gate.settle_idempotency_key TO discreet_worker;
RESET ROLE;

-- functions/auth/mcp_sessions.sql
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.begin_mcp_session(shown bytea, token uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO discreet.mcp_sessions (digest, token_id, owner_id)
    SELECT shown, t.id, t.owner_id FROM discreet.tokens t WHERE t.id = token;
END $$;

-- No row: there is no such connection, or it began with another token. When it was last used is
-- written at most once a day.
CREATE OR REPLACE FUNCTION gate.mcp_session(
  shown bytea, token uuid,
  OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean, OUT session_id uuid)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET used_at = clock_timestamp()
   WHERE m.digest = shown AND m.token_id = token
     AND m.used_at < clock_timestamp() - interval '1 day';
  RETURN QUERY SELECT m.agent_id, m.contact_id, m.shared, m.session_id FROM discreet.mcp_sessions m
   WHERE m.digest = shown AND m.token_id = token;
END $$;

-- Connections that nobody used for so long are forgotten. Whoever comes back begins a new one, which
-- is nobody's.
CREATE OR REPLACE FUNCTION gate.purge_mcp_sessions(unused interval) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.used_at < clock_timestamp() - unused
$$;

-- Binds a connection to the party of a session that its token may open. False: it may not, or the
-- connection is bound to somebody else already; two that bind at once, one of them loses.
CREATE OR REPLACE FUNCTION gate.bind_mcp_session(shown bytea, token uuid, session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.mcp_sessions m SET
      agent_id = s.agent_id, contact_id = s.contact_id, shared = s.shared, session_id = s.id
    FROM discreet.sessions s, discreet.tokens t
   WHERE m.digest = shown AND m.token_id = token AND t.id = token AND s.id = session
     AND s.owner_id = t.owner_id
     AND (t.agent_id IS NULL OR s.agent_id = t.agent_id)
     AND (t.contact_id IS NULL OR s.contact_id = t.contact_id OR s.shared)
     AND (m.session_id IS NULL OR (m.agent_id = s.agent_id AND m.party = s.party));
  RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION gate.end_mcp_session(shown bytea, token uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  DELETE FROM discreet.mcp_sessions m WHERE m.digest = shown AND m.token_id = token
$$;

REVOKE ALL ON FUNCTION gate.begin_mcp_session, gate.mcp_session, gate.purge_mcp_sessions,
  gate.bind_mcp_session, gate.end_mcp_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.begin_mcp_session, gate.mcp_session, gate.purge_mcp_sessions,
  gate.bind_mcp_session, gate.end_mcp_session TO discreet_worker;
RESET ROLE;

-- functions/auth/tokens.sql
SET ROLE discreet_gate;

-- The scope of a token, and nothing else of anybody's. No row: unknown, expired, revoked, or of a
-- contact that is blocked, or was joined with another. `shared`: its agent shares one memory among all. When it was last used is
-- written at most once a minute: many calls at once must not wait for each other.
CREATE OR REPLACE FUNCTION gate.token_scope(
  shown bytea,
  OUT token_id uuid, OUT owner_id uuid, OUT agent_id uuid, OUT contact_id uuid, OUT shared boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  found discreet.tokens;
BEGIN
  SELECT t.* INTO found FROM discreet.tokens t
   WHERE t.digest = shown AND t.revoked_at IS NULL
     AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
     AND NOT EXISTS (SELECT FROM discreet.contacts c
                      WHERE c.id = t.contact_id
                        AND (c.blocked_at IS NOT NULL OR c.merged_into IS NOT NULL));
  IF found.id IS NULL THEN
    RETURN;
  END IF;
  IF found.last_used_at IS NULL OR found.last_used_at < clock_timestamp() - interval '1 minute' THEN
    UPDATE discreet.tokens t SET last_used_at = clock_timestamp()
     WHERE t.id = (SELECT o.id FROM discreet.tokens o WHERE o.id = found.id FOR UPDATE SKIP LOCKED);
  END IF;
  RETURN QUERY SELECT found.id, found.owner_id, found.agent_id, found.contact_id,
    coalesce((SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = found.agent_id),
             false);
END $$;

-- Said on the channel that everybody who waits for an answer hears (0061): a token was revoked, or a contact
-- blocked, joined or erased. It doesn't say which.
CREATE OR REPLACE FUNCTION gate.tell_of_access() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM pg_notify('discreet_answers', 'access');
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.token_scope, gate.tell_of_access FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.token_scope TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.tell_of_access TO discreet_schema;
RESET ROLE;

-- functions/contacts/address_aliases.sql
-- A platform that knows a person by several ids puts them into one message: they are addresses of one
-- contact then. Platforms give numbers to somebody else after a while, so this never joins two
-- contacts, and never makes an address the owner's.
SET ROLE discreet_gate;

-- main: the id that stays a person's; other: one that may change hands. True: one of them is new now.
CREATE OR REPLACE FUNCTION gate.link_alias(ticket text, of_platform text, main text, other text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter(ticket);
  known  discreet.addresses;
  person uuid;
BEGIN
  SELECT a.* INTO known FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (main, other);
  IF NOT FOUND OR known.contact_id IS NULL THEN
    RETURN false;
  END IF;
  -- Held until the end: of two messages that say so at a time, the second sees what the first did.
  SELECT c.id INTO person FROM discreet.contacts c
   WHERE c.id = known.contact_id AND c.owner_id = owner AND c.type <> 'group' FOR UPDATE;
  IF NOT FOUND OR (
    SELECT count(*) FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id IN (main, other)) = 2
  THEN
    RETURN false;
  END IF;
  -- An id that changes hands, and belongs to whom the platform names otherwise, tells nothing.
  IF known.platform_id = other AND EXISTS (
    SELECT FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.contact_id = person
       AND a.platform_id <> other)
  THEN
    RETURN false;
  END IF;
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, CASE WHEN known.platform_id = main THEN other ELSE main END, person)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.link_alias FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.link_alias TO discreet_intake;
RESET ROLE;

-- functions/contacts/erase_contact.sql
-- Everything about one contact is removed, for good, and a receipt says how much that was.
SET ROLE discreet_gate;

-- Erases a contact, and those that were joined into it: rows, files, history, work that waits. Returns
-- the receipt. Who writes from one of its addresses afterwards is somebody new.
-- Errors: DS001 no such contact; DS003 it was joined with another one.
CREATE OR REPLACE FUNCTION gate.erase_contact(contact uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner     uuid := gate.require_owner();
  into_whom uuid;
  gone      uuid[] := ARRAY[contact];
  addresses text[];
  sessions  uuid[];
  erased    record;
  of_table  text;
  many      bigint;
  counts    jsonb := '{}';
  result    uuid;
BEGIN
  SELECT c.merged_into INTO into_whom FROM discreet.contacts c
   WHERE c.id = contact AND c.owner_id = owner FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
  ELSIF into_whom IS NOT NULL THEN
    RAISE EXCEPTION 'erase_merged' USING ERRCODE = 'DS003';
  END IF;
  WITH RECURSIVE of_it AS (
    SELECT contact AS id
    UNION ALL
    SELECT c.id FROM discreet.contacts c JOIN of_it o ON c.merged_into = o.id)
  SELECT array_agg(o.id) INTO gone FROM of_it o;
  PERFORM 1 FROM discreet.contacts c WHERE c.id = ANY (gone) ORDER BY c.id FOR UPDATE;
  -- Whoever stores a message holds the row of its session; turns and deliveries do too.
  SELECT coalesce(array_agg(s.id), '{}') INTO sessions FROM (
    SELECT s.id FROM discreet.sessions s WHERE s.contact_id = ANY (gone) ORDER BY s.id FOR UPDATE) s;
  SELECT coalesce(array_agg(a.platform || ':' || a.platform_id), '{}') INTO addresses
    FROM discreet.addresses a WHERE a.contact_id = ANY (gone);

  counts := counts || gate.erase_elsewhere(owner, gone, addresses)
                   || jsonb_build_object('jobs', gate.drop_jobs(sessions));
  SELECT * INTO erased FROM gate.erase_memories(ARRAY(
    SELECT m.id FROM discreet.memories m WHERE m.contact_id = ANY (gone)
    UNION SELECT h.memory_id FROM discreet.memory_history h WHERE h.contact_id = ANY (gone)));
  counts := counts || jsonb_build_object('memories', erased.memories, 'memory_versions', erased.versions);

  counts := counts || gate.erase_unsorted(owner, gone, addresses);

  -- In the order in which they refer to each other; what is left refers to contacts alone.
  FOREACH of_table IN ARRAY ARRAY['drafts', 'outbox', 'attachments', 'messages', 'turns', 'routes',
                                  'mcp_sessions', 'sessions', 'tokens', 'pairings', 'admissions',
                                  'limits', 'limit_hits', 'addresses'] LOOP
    EXECUTE format('DELETE FROM discreet.%I t WHERE t.contact_id = ANY ($1)', of_table) USING gone;
    GET DIAGNOSTICS many = ROW_COUNT;
    counts := counts || jsonb_build_object(of_table, many);
  END LOOP;
  DELETE FROM discreet.contacts c WHERE c.id = ANY (gone);
  DELETE FROM discreet.erased_addresses e WHERE e.erased_at < clock_timestamp() - interval '7 days';
  INSERT INTO discreet.erased_addresses (owner_id, digest)
  SELECT owner, gate.digest_of(a) FROM unnest(addresses) a
  ON CONFLICT (owner_id, digest) DO UPDATE SET erased_at = excluded.erased_at;
  counts := counts || jsonb_build_object('contacts', cardinality(gone));
  INSERT INTO discreet.erasures (owner_id, counts) VALUES (owner, counts) RETURNING id INTO result;
  RETURN result;
END $$;

-- What is nobody's row yet but says who sent it: messages in quarantine and kept aside, receipts that
-- came early, keys of requests.
CREATE OR REPLACE FUNCTION gate.erase_unsorted(owner uuid, gone uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  many   bigint;
  counts jsonb := '{}';
BEGIN
  DELETE FROM discreet.quarantine q USING discreet.channels c
   WHERE c.id = q.channel_id AND c.owner_id = owner AND (
     q.inbound #>> '{sender,contact_id}' = ANY (gone::text[])
     OR (q.inbound #>> '{sender,address,platform}') || ':'
        || (q.inbound #>> '{sender,address,platform_id}') = ANY (addresses)
     OR (q.inbound #>> '{group,address,platform}') || ':'
        || (q.inbound #>> '{group,address,platform_id}') = ANY (addresses));
  GET DIAGNOSTICS many = ROW_COUNT;
  counts := counts || jsonb_build_object('quarantine', many);
  DELETE FROM discreet.held_messages k
   WHERE k.owner_id = owner AND (
     (k.arrived->>'sender_platform') || ':' || (k.arrived->>'sender_id') = ANY (addresses)
     OR k.pairing_id IN (SELECT p.id FROM discreet.pairings p WHERE p.contact_id = ANY (gone)));
  GET DIAGNOSTICS many = ROW_COUNT;
  counts := counts || jsonb_build_object('held_messages', many);
  -- Nobody knows yet whose these are, and what a platform calls a message may hold a number.
  DELETE FROM discreet.early_receipts e WHERE e.owner_id = owner;
  DELETE FROM discreet.wrong_codes w USING unnest(addresses) a
   WHERE w.owner_id = owner AND w.sender = gate.digest_of(a);
  DELETE FROM discreet.idempotency_keys k
   USING discreet.messages m WHERE k.made = m.id AND m.contact_id = ANY (gone);
  RETURN counts;
END $$;

-- Work that waits for these sessions; what is under way finds nothing any more, and ends.
CREATE OR REPLACE FUNCTION gate.drop_jobs(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
DECLARE
  dropped bigint;
BEGIN
  DELETE FROM procrastinate_jobs j
   WHERE j.status = 'todo' AND (
     (j.task_name = 'run_turn' AND (j.args->>'session_id')::uuid = ANY (sessions))
     OR (j.task_name = 'deliver' AND (j.args->>'route_id')::uuid IN (
           SELECT r.id FROM discreet.routes r WHERE r.session_id = ANY (sessions))));
  GET DIAGNOSTICS dropped = ROW_COUNT;
  RETURN dropped;
END $$;

-- Memories, whosever they are, with what they were before; the trigger's last copies too.
CREATE OR REPLACE FUNCTION gate.erase_memories(ids uuid[], OUT memories bigint, OUT versions bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before bigint := (SELECT count(*) FROM discreet.memory_history h WHERE h.memory_id = ANY (ids));
BEGIN
  -- Words that only these held are not counted any more; who needs a count that is gone counts anew.
  DELETE FROM discreet.owner_term_stats w USING discreet.memories m
   WHERE m.id = ANY (ids) AND w.owner_id = m.owner_id AND w.word = ANY (m.terms);
  DELETE FROM discreet.memories m WHERE m.id = ANY (ids);
  GET DIAGNOSTICS memories = ROW_COUNT;
  DELETE FROM discreet.memory_history h WHERE h.memory_id = ANY (ids);
  versions := before;
END $$;

CREATE OR REPLACE FUNCTION gate.digest_of(address text) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(k.outer_pad || convert_to('erased ' || address, 'UTF8')) FROM gate.secrets k
$$;

-- Whether this was said by somebody, or in a group, before they were erased.
CREATE OR REPLACE FUNCTION gate.was_erased(owner uuid, written_at timestamptz, sender text, of_group text)
RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Where nobody was, which is nearly always, nothing is hashed.
  RETURN EXISTS (SELECT FROM discreet.erased_addresses e WHERE e.owner_id = owner)
    AND EXISTS (SELECT FROM discreet.erased_addresses e
                 WHERE e.owner_id = owner AND written_at <= e.erased_at
                   AND e.digest IN (gate.digest_of(sender), gate.digest_of(of_group)));
END $$;

REVOKE ALL ON FUNCTION gate.erase_contact, gate.erase_unsorted, gate.drop_jobs,
  gate.erase_memories, gate.digest_of, gate.was_erased FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.erase_contact TO discreet_owner;
RESET ROLE;

-- functions/contacts/erase_elsewhere.sql
SET ROLE discreet_gate;

-- What these people said where others speak too, or in a conversation that was joined with theirs for
-- a while; what it was answered with, and what was remembered of it there; and what the owner was
-- answered by turns that were shown something of theirs. Turns that run there have lost their session:
-- what they were given may hold it.
CREATE OR REPLACE FUNCTION gate.erase_elsewhere(owner uuid, gone uuid[], addresses text[]) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said     uuid[];
  sessions uuid[];
  turns    uuid[];
  shown    uuid[];
  memories uuid[];
  erased   record;
  messages bigint;
  prompts  bigint;
BEGIN
  -- With all sessions of these parties: what was said in one is found from the others.
  sessions := ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND (s.agent_id, s.party) IN (
       SELECT m.agent_id, m.party FROM discreet.messages m
        WHERE m.owner_id = owner AND NOT coalesce(m.contact_id = ANY (gone), false)
          AND (m.sender_contact_id = ANY (gone) OR m.sender_address = ANY (addresses))));
  shown := gate.turns_shown(owner, gone, addresses);
  sessions := sessions || ARRAY(
    SELECT s.id FROM discreet.sessions s
     WHERE s.owner_id = owner AND s.contact_id IS NULL AND NOT s.shared
       AND (s.current_turn IS NOT NULL OR s.id IN (
             SELECT t.session_id FROM discreet.turns t WHERE t.id = ANY (shown))));
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  SELECT coalesce(array_agg(m.id), '{}'),
         coalesce(array_agg(DISTINCT m.turn_id) FILTER (WHERE m.turn_id IS NOT NULL), '{}')
    INTO said, turns
    FROM discreet.messages m
   WHERE m.owner_id = owner AND NOT coalesce(m.contact_id = ANY (gone), false)
     AND (m.sender_contact_id = ANY (gone) OR m.sender_address = ANY (addresses));

  -- An answer that others asked for as well is theirs.
  said := said || ARRAY(
    SELECT o.id FROM discreet.messages o
     WHERE o.direction = 'out' AND (o.turn_id = ANY (shown) OR (
       o.turn_id = ANY (turns) AND NOT EXISTS (
         SELECT FROM discreet.messages i
          WHERE i.turn_id = o.turn_id AND i.direction = 'in' AND i.id <> ALL (said)))));
  memories := ARRAY(
    SELECT m.id FROM discreet.memories m
     WHERE m.owner_id = owner AND m.turn_id = ANY (turns)
     UNION SELECT h.memory_id FROM discreet.memory_history h
     WHERE h.owner_id = owner AND h.turn_id = ANY (turns)
     UNION SELECT s.summary_id FROM discreet.sessions s
     WHERE s.id = ANY (sessions) AND s.summary_id IS NOT NULL
       AND EXISTS (SELECT FROM discreet.messages m
                    WHERE m.session_id = s.id AND m.id = ANY (said)));
  UPDATE discreet.sessions s SET summary_id = NULL, compacted_to = 0
   WHERE s.id = ANY (sessions) AND s.summary_id = ANY (memories);
  SELECT * INTO erased FROM gate.erase_memories(memories);
  DELETE FROM discreet.idempotency_keys k WHERE k.made = ANY (said);
  DELETE FROM discreet.messages m WHERE m.id = ANY (said);
  GET DIAGNOSTICS messages = ROW_COUNT;
  -- A chat in which nothing was said is nobody's way to be answered any more.
  DELETE FROM discreet.routes r
   WHERE r.session_id = ANY (sessions) AND NOT EXISTS (
     SELECT FROM discreet.messages m WHERE m.session_id = r.session_id AND m.route_id = r.id);

  prompts := gate.empty_turns(sessions);
  RETURN jsonb_build_object(
    'messages_elsewhere', messages, 'memories_elsewhere', erased.memories,
    'memory_versions_elsewhere', erased.versions, 'prompts_elsewhere', prompts);
END $$;

-- The owner's turns that were shown something of these people. Whatever an owner's turn is shown of
-- somebody stands beside their address, or their id.
CREATE OR REPLACE FUNCTION gate.turns_shown(owner uuid, gone uuid[], addresses text[]) RETURNS uuid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  called text := (
    SELECT '(^|[^[:alnum:]])(' || string_agg(regexp_replace(w, '([^[:alnum:]])', '\\\1', 'g'), '|')
             || ')($|[^[:alnum:]])'
      FROM unnest(addresses || gone::text[]) w);
BEGIN
  RETURN ARRAY(
    SELECT t.id FROM discreet.turns t
     WHERE t.owner_id = owner AND t.contact_id IS NULL AND NOT t.shared
       AND concat(t.prompt, t.steps) ~ called);
END $$;

-- Takes from these sessions what their turns were given, and the turns that run there; what those had
-- taken waits again. Returns how many turns had kept what they were given.
CREATE OR REPLACE FUNCTION gate.empty_turns(sessions uuid[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  prompts bigint;
  waiting uuid;
BEGIN
  -- What a turn was given is kept for the owner to look at; it may quote anybody whom it could read.
  UPDATE discreet.turns t SET prompt = NULL, steps = NULL
   WHERE t.session_id = ANY (sessions) AND (t.prompt IS NOT NULL OR t.steps IS NOT NULL);
  GET DIAGNOSTICS prompts = ROW_COUNT;
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE t.id = d.turn_id AND t.session_id = ANY (sessions);
  UPDATE discreet.turns t
     SET state = 'lost', finished_at = clock_timestamp(), error = 'erased_meanwhile'
   WHERE t.session_id = ANY (sessions) AND t.state = 'running';
  UPDATE discreet.messages m SET state = 'waiting', turn_id = NULL
   WHERE m.session_id = ANY (sessions) AND m.state = 'taken';
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = ANY (sessions);
  FOR waiting IN SELECT DISTINCT m.session_id FROM discreet.messages m
                  WHERE m.session_id = ANY (sessions) AND m.state = 'waiting' LOOP
    PERFORM gate.defer_turn(waiting, NULL, false);
  END LOOP;
  RETURN prompts;
END $$;

REVOKE ALL ON FUNCTION gate.erase_elsewhere, gate.turns_shown, gate.empty_turns FROM PUBLIC;
RESET ROLE;

-- functions/contacts/find_or_create.sql
SET ROLE discreet_gate;

-- These two are called by functions of the gate alone, with their rights and their search path.
-- The contact behind an address; made if new. Two that arrive at once: the unique key decides, the
-- loser takes the winner's. NULL: the address is the owner's own.
CREATE OR REPLACE FUNCTION gate.find_or_create_contact(
  owner uuid, of_platform text, of_id text, kind text, display_name text)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  found_address discreet.addresses;
  made          uuid;
BEGIN
  LOOP
    SELECT a.* INTO found_address FROM discreet.addresses a
     WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id;
    IF FOUND THEN
      IF (kind = 'group') <> coalesce((SELECT c.type = 'group' FROM discreet.contacts c
                                        WHERE c.id = found_address.contact_id), false) THEN
        RAISE EXCEPTION 'group_is_no_person' USING ERRCODE = 'DS002';
      END IF;
      RETURN found_address.contact_id;
    END IF;
    INSERT INTO discreet.contacts (owner_id, type, name)
      VALUES (owner, kind, display_name) RETURNING contacts.id INTO made;
    INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
      VALUES (owner, of_platform, of_id, made)
      ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
      RETURN made;
    END IF;
    DELETE FROM discreet.contacts WHERE contacts.id = made;
  END LOOP;
END $$;

-- The contact behind an address, where there is one already. In plpgsql, which keeps its plan: every
-- message asks this.
CREATE OR REPLACE FUNCTION gate.known_contact(owner uuid, of_platform text, of_id text) RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (SELECT a.contact_id FROM discreet.addresses a
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = of_id);
END $$;

-- The contact behind an address; made if it is new and may be. Null: there is none, or the address
-- is the owner's own.
CREATE OR REPLACE FUNCTION gate.resolve_contact(
  platform text, platform_id text, kind text, display_name text, auto_create boolean)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  IF auto_create THEN
    RETURN gate.find_or_create_contact(owner, platform, platform_id, kind, display_name);
  END IF;
  RETURN (SELECT a.contact_id FROM discreet.addresses a
           WHERE a.owner_id = owner AND a.platform = resolve_contact.platform
             AND a.platform_id = resolve_contact.platform_id);
END $$;

REVOKE ALL ON FUNCTION gate.find_or_create_contact, gate.known_contact, gate.resolve_contact
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.resolve_contact TO discreet_owner;
RESET ROLE;

-- functions/contacts/groups.sql
-- A group whose new chat was heard of before the platform said that it is the same group.
SET ROLE discreet_gate;

-- The platform says that a group's chat has another id now: it stays the same contact, also where the
-- new id was heard of before that. False: the group isn't known, or there was nothing left to do.
CREATE OR REPLACE FUNCTION gate.move_group(ticket text, of_platform text, old_id text, new_id text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
  stays uuid;
BEGIN
  SELECT a.contact_id INTO stays
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = old_id
     AND c.type = 'group'
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.channels c SET only_chat = new_id
   WHERE c.owner_id = owner AND c.platform = of_platform AND c.only_chat = old_id
     AND c.closed_at IS NULL AND NOT EXISTS (
       SELECT FROM discreet.channels o
        WHERE o.parent_id = c.parent_id AND o.only_chat = new_id AND o.closed_at IS NULL);
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id)
  VALUES (owner, of_platform, new_id, stays)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO NOTHING;
  RETURN FOUND OR gate.join_group(owner, of_platform, new_id, stays);
END $$;

-- From now on the new id leads to the contact that stays. What was said under the other one stays
-- with that, and what the owner has decided about it holds; a stranger's pairing asks anew. False:
-- the id is a person's, or leads there already.
CREATE OR REPLACE FUNCTION gate.join_group(owner uuid, of_platform text, new_id text, stays uuid)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  other uuid;
  asked discreet.pairings;
  said  jsonb;
  all_said jsonb;
BEGIN
  SELECT a.contact_id INTO other
    FROM discreet.addresses a JOIN discreet.contacts c ON c.id = a.contact_id
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id
     AND c.type = 'group' AND c.id <> stays
   FOR UPDATE OF a;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  UPDATE discreet.addresses a SET contact_id = stays
   WHERE a.owner_id = owner AND a.platform = of_platform AND a.platform_id = new_id;
  UPDATE discreet.contacts c
     SET blocked_at = coalesce(c.blocked_at, o.blocked_at),
         taken_over_at = coalesce(c.taken_over_at, o.taken_over_at)
    FROM discreet.contacts o WHERE c.id = stays AND o.id = other;
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, stays, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = other
  ON CONFLICT DO NOTHING;
  FOR asked IN SELECT p.* FROM discreet.pairings p
                WHERE p.contact_id = other AND p.state = 'pending' LOOP
    SELECT coalesce(jsonb_agg(k.arrived ORDER BY k.created_at), '[]') INTO all_said
      FROM discreet.held_messages k WHERE k.pairing_id = asked.id;
    DELETE FROM discreet.pairings p WHERE p.id = asked.id;
    FOR said IN SELECT j.value FROM jsonb_array_elements(all_said) j LOOP
      PERFORM gate.accept_again(owner, asked.channel_id, said);
    END LOOP;
  END LOOP;
  RETURN true;
END $$;

REVOKE ALL ON FUNCTION gate.move_group, gate.join_group FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.move_group TO discreet_intake;
RESET ROLE;

-- functions/contacts/link_codes.sql
SET ROLE discreet_gate;

-- The person of this scope; null in a group, in a scope that is nobody's own, and for who was joined.
CREATE OR REPLACE FUNCTION gate.person_here() RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  RETURN (SELECT c.id FROM discreet.contacts c
           WHERE c.id = here.contact_id AND c.owner_id = here.owner_id AND c.type <> 'group'
             AND c.merged_into IS NULL);
END $$;

-- A code to be written on the person's other account; the one before it is void. Null: nobody's own.
CREATE OR REPLACE FUNCTION gate.ask_to_link() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  person uuid := gate.person_here();
  code   text := gate.new_code();
BEGIN
  IF person IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.link_requests AS r (owner_id, contact_id, digest, expires_at)
  VALUES (owner, person, sha256(convert_to(owner || code, 'UTF8')), clock_timestamp() + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second')
  ON CONFLICT (contact_id) DO UPDATE SET
    digest = excluded.digest, other_id = NULL, back_digest = NULL, expires_at = excluded.expires_at;
  RETURN left(code, 4) || '-' || right(code, 4);
END $$;

-- A code that was typed. outcome: 'answered' (it was another contact's: `code` has to be written there,
-- and `other` says who that is), 'linked' (it was the one that came back), 'own' (it belongs on the other
-- account), 'wrong', 'locked' (too many wrong ones), 'nobody' (here is nobody's own), or the code of why not.
CREATE OR REPLACE FUNCTION gate.enter_link_code(typed text, OUT outcome text, OUT code text, OUT other text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  person  uuid := gate.person_here();
  wanted  text := gate.as_code(typed);
  request discreet.link_requests;
BEGIN
  IF person IS NULL THEN
    outcome := 'nobody';
    RETURN;
  END IF;
  -- Those who try at once are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: link codes ' || person, 0));
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.contact_id = person AND w.tried_at > clock_timestamp() - interval '1 hour')
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    outcome := 'locked';
    RETURN;
  END IF;
  SELECT r.* INTO request FROM discreet.link_requests r
   WHERE r.contact_id = person AND r.expires_at > clock_timestamp() FOR UPDATE;
  IF request.digest = sha256(convert_to(owner || wanted, 'UTF8')) AND request.other_id IS NULL THEN
    outcome := 'own';
  ELSIF request.back_digest = sha256(convert_to(request.id || wanted, 'UTF8')) THEN
    BEGIN
      PERFORM gate.merge_contacts(owner, person, request.other_id, 'codes');
      outcome := 'linked';
    EXCEPTION WHEN SQLSTATE 'DS003' THEN
      -- Nothing was changed, and the code is good until it expires.
      outcome := SQLERRM;
    END;
  ELSE
    UPDATE discreet.link_requests r
       SET other_id = person, back_digest = sha256(convert_to(r.id || c.new, 'UTF8')),
           expires_at = clock_timestamp()
             + (SELECT p.link_code_seconds FROM gate.policy p) * interval '1 second'
      FROM (SELECT gate.new_code() AS new) c
     WHERE r.owner_id = owner AND r.digest = sha256(convert_to(owner || wanted, 'UTF8'))
       AND r.contact_id <> person AND r.other_id IS NULL AND r.expires_at > clock_timestamp()
    RETURNING left(c.new, 4) || '-' || right(c.new, 4),
      (SELECT concat_ws(' ', nullif(k.name, ''), (
          SELECT a.platform || ':' || a.platform_id FROM discreet.addresses a
           WHERE a.contact_id = k.id ORDER BY a.created_at LIMIT 1))
         FROM discreet.contacts k WHERE k.id = r.contact_id)
      INTO code, other;
    outcome := CASE WHEN FOUND THEN 'answered' ELSE 'wrong' END;
  END IF;
  IF outcome = 'wrong' THEN
    INSERT INTO discreet.wrong_codes (owner_id, contact_id) VALUES (owner, person);
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.person_here, gate.ask_to_link, gate.enter_link_code FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.ask_to_link, gate.enter_link_code TO discreet_contact;
RESET ROLE;

-- functions/contacts/links.sql
-- Two contacts that turn out to be one person. The rows of one move to the other, and which ones they
-- were is written down, so that a link can be undone with every row back where it was. The contact
-- that was merged stays as an empty shell: nothing leads to it and nothing is stored for it.
SET ROLE discreet_gate;

-- Nothing new is stored for a contact that was merged. Whoever looked it up before that waits here for
-- the link, and has to look again.
CREATE OR REPLACE FUNCTION gate.refuse_merged() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  into_whom uuid;
BEGIN
  SELECT c.merged_into INTO into_whom FROM discreet.contacts c
   WHERE c.id = NEW.contact_id AND c.owner_id = NEW.owner_id FOR KEY SHARE;
  IF into_whom IS NOT NULL THEN
    RAISE EXCEPTION 'merged' USING ERRCODE = 'serialization_failure';
  END IF;
  RETURN NEW;
END $$;

-- Gives what a link is about from one contact to the other: sessions with all that hangs on them,
-- memories and their history. Turns that run there have lost their session then; what they took is
-- taken again. A memory whose topic key the taker uses already goes without it.
-- Error DS003: an answer is being sent this very moment, and would be sent a second time.
CREATE OR REPLACE FUNCTION gate.give_rows(link uuid, giver uuid, taker uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sessions uuid[] := gate.rows_of_link(link, 'session');
  memories uuid[] := gate.rows_of_link(link, 'memory');
  waiting  uuid;
BEGIN
  PERFORM 1 FROM discreet.sessions s WHERE s.id = ANY (sessions) ORDER BY s.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.outbox o
              WHERE o.session_id = ANY (sessions) AND o.state = 'sending') THEN
    RAISE EXCEPTION 'answer_being_sent' USING ERRCODE = 'DS003';
  END IF;
  DELETE FROM discreet.drafts d USING discreet.turns t
   WHERE t.id = d.turn_id AND t.session_id = ANY (sessions);
  -- Connections that were bound to it begin anew; they must not follow to somebody else.
  DELETE FROM discreet.mcp_sessions m WHERE m.session_id = ANY (sessions);
  -- In one statement, at whose end the keys between these tables hold again: a key that could be
  -- deferred would let anybody try which ids exist.
  WITH s AS (
    UPDATE discreet.sessions s SET contact_id = taker WHERE s.id = ANY (sessions)
  ), r AS (
    UPDATE discreet.routes r SET contact_id = taker WHERE r.session_id = ANY (sessions)
  ), t AS (
    UPDATE discreet.turns t SET contact_id = taker WHERE t.session_id = ANY (sessions)
  ), m AS (
    UPDATE discreet.messages m
       SET contact_id = taker,
           sender_contact_id = CASE WHEN m.sender_contact_id = giver THEN taker
                                    ELSE m.sender_contact_id END
     WHERE m.session_id = ANY (sessions)
  ), o AS (
    UPDATE discreet.outbox o SET contact_id = taker WHERE o.session_id = ANY (sessions)
  )
  UPDATE discreet.attachments a SET contact_id = taker WHERE a.session_id = ANY (sessions);
  UPDATE discreet.memories m
     SET contact_id = taker,
         topic_key = CASE WHEN NOT EXISTS (
             SELECT FROM discreet.memories t
              WHERE t.contact_id = taker AND t.owner_id = m.owner_id
                AND (t.agent_id, t.topic_key) = (m.agent_id, coalesce(m.topic_key, l.was)))
           THEN coalesce(m.topic_key, l.was) END
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'memory' AND m.id = l.key::uuid AND m.contact_id = giver;
  UPDATE discreet.memory_history h SET contact_id = taker
   WHERE h.memory_id = ANY (memories) AND h.contact_id = giver;
  FOR waiting IN SELECT DISTINCT m.session_id FROM discreet.messages m
                  WHERE m.session_id = ANY (sessions) AND m.state IN ('waiting', 'taken') LOOP
    PERFORM gate.defer_turn(waiting, NULL, false);
  END LOOP;
END $$;

CREATE OR REPLACE FUNCTION gate.rows_of_link(link uuid, of_kind text) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(array_agg(l.key::uuid), '{}') FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = of_kind
$$;

-- Why two contacts can't be merged, as a code, or null. Both rows are locked then, always in the same order.
CREATE OR REPLACE FUNCTION gate.why_not_mergeable(owner uuid, survivor uuid, merged uuid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id IN (survivor, merged) AND c.owner_id = owner ORDER BY c.id FOR UPDATE;
  IF survivor = merged THEN
    RETURN 'same_contact';
  END IF;
  RETURN (
    SELECT CASE WHEN count(*) < 2 THEN 'no_such_contact'
                WHEN bool_or(c.merged_into IS NOT NULL)
                THEN 'already_merged'
                WHEN bool_or(c.type = 'group') THEN 'group_is_no_person'
                WHEN bool_or(c.blocked_at IS NOT NULL) THEN 'contact_blocked'
                WHEN bool_or(c.taken_over_at IS NOT NULL)
                THEN 'contact_taken_over'
                WHEN bool_or(EXISTS (SELECT FROM discreet.pairings p
                                      WHERE p.contact_id = c.id AND p.state = 'pending'))
                THEN 'contact_not_admitted' END
      FROM discreet.contacts c WHERE c.id IN (survivor, merged) AND c.owner_id = owner);
END $$;

-- Everything of one contact is the other's from now on. Its sessions end: what the person says next
-- is in the survivor contact's, and what was said before can be given back whole. A memory that the survivor
-- contact has already stays where it is; of two under one topic key the survivor contact's keeps the key.
-- Errors: DS003 it can't be, or not now.
CREATE OR REPLACE FUNCTION gate.merge_contacts(owner uuid, survivor uuid, merged uuid, how text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  why  text := gate.why_not_mergeable(owner, survivor, merged);
  link uuid;
BEGIN
  IF why IS NOT NULL THEN
    RAISE EXCEPTION '%', why USING ERRCODE = CASE WHEN why = 'no_such_contact' THEN 'DS001' ELSE 'DS003' END;
  END IF;
  INSERT INTO discreet.links (owner_id, survivor_id, merged_id, proof)
  VALUES (owner, survivor, merged, how) RETURNING id INTO link;
  UPDATE discreet.contacts c SET merged_into = survivor WHERE c.id = merged;
  DELETE FROM discreet.link_requests r
   WHERE r.contact_id IN (survivor, merged) OR r.other_id IN (survivor, merged);

  INSERT INTO discreet.linked_rows (link_id, owner_id, kind, key, was)
  SELECT link, owner, 'address', a.platform || ':' || a.platform_id, NULL
    FROM discreet.addresses a WHERE a.contact_id = merged
  UNION ALL
  SELECT link, owner, 'session', s.id::text, CASE WHEN s.ended_at IS NULL THEN 'open' END
    FROM discreet.sessions s WHERE s.contact_id = merged
  UNION ALL
  SELECT link, owner, 'memory', m.id::text, m.topic_key
    FROM discreet.memories m
   WHERE m.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories k
      WHERE (k.owner_id, k.agent_id, k.party, k.digest) = (owner, m.agent_id, survivor, m.digest))
  UNION ALL
  SELECT DISTINCT link, owner, 'memory', h.memory_id::text, NULL
    FROM discreet.memory_history h
   WHERE h.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.memories m WHERE m.id = h.memory_id)
  UNION ALL
  SELECT link, owner, 'admission', a.channel_id::text, NULL
    FROM discreet.admissions a
   WHERE a.contact_id = merged AND NOT EXISTS (
     SELECT FROM discreet.admissions k WHERE k.channel_id = a.channel_id AND k.contact_id = survivor);

  UPDATE discreet.addresses a SET contact_id = survivor WHERE a.contact_id = merged;
  UPDATE discreet.sessions s SET ended_at = clock_timestamp()
   WHERE s.contact_id = merged AND s.ended_at IS NULL;
  PERFORM gate.give_rows(link, merged, survivor);
  INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
  SELECT a.channel_id, survivor, a.owner_id, a.agent_id FROM discreet.admissions a
   WHERE a.contact_id = merged ON CONFLICT DO NOTHING;
  RETURN link;
END $$;

-- For the owner, who says that they are one person.
CREATE OR REPLACE FUNCTION gate.link_contacts(survivor uuid, merged uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN gate.merge_contacts(gate.require_owner(), survivor, merged, 'owner');
END $$;

-- Gives back what a link moved, as it is now. What was said and survivor since then stays with the
-- contact that was survivor; an address that was given to somebody else meanwhile stays there.
-- Errors: DS001 no such link; DS003 it can't be undone, or not now.
CREATE OR REPLACE FUNCTION gate.undo_link(link uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  made  discreet.links;
BEGIN
  SELECT l.* INTO made FROM discreet.links l
   WHERE l.id = link AND l.owner_id = owner AND l.undone_at IS NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_link' USING ERRCODE = 'DS001';
  END IF;
  PERFORM 1 FROM discreet.contacts c WHERE c.id IN (made.survivor_id, made.merged_id) ORDER BY c.id FOR UPDATE;
  IF EXISTS (SELECT FROM discreet.contacts c
              WHERE c.id = made.survivor_id AND c.merged_into IS NOT NULL) THEN
    RAISE EXCEPTION 'survivor_merged'
      USING ERRCODE = 'DS003';
  END IF;
  UPDATE discreet.contacts c SET merged_into = NULL WHERE c.id = made.merged_id;
  -- Changed since, to what the merged contact has survivor all along: once is enough.
  DELETE FROM discreet.memories m USING discreet.memories b
   WHERE m.id = ANY (gate.rows_of_link(link, 'memory')) AND m.contact_id = made.survivor_id AND b.contact_id = made.merged_id
     AND (b.agent_id, b.digest) = (m.agent_id, m.digest);
  PERFORM gate.give_rows(link, made.survivor_id, made.merged_id);
  UPDATE discreet.sessions s SET ended_at = NULL
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'session' AND l.key = s.id::text AND l.was = 'open';
  UPDATE discreet.addresses a SET contact_id = made.merged_id
    FROM discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'address' AND a.owner_id = owner
     AND a.contact_id = made.survivor_id AND l.key = a.platform || ':' || a.platform_id;
  DELETE FROM discreet.admissions a USING discreet.linked_rows l
   WHERE l.link_id = link AND l.kind = 'admission' AND a.contact_id = made.survivor_id
     AND l.key = a.channel_id::text;
  DELETE FROM discreet.linked_rows l WHERE l.link_id = link;
  UPDATE discreet.links l SET undone_at = clock_timestamp() WHERE l.id = link;
END $$;

REVOKE ALL ON FUNCTION gate.refuse_merged, gate.give_rows, gate.rows_of_link,
  gate.why_not_mergeable, gate.merge_contacts, gate.link_contacts, gate.undo_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.refuse_merged TO discreet_schema;
GRANT EXECUTE ON FUNCTION gate.link_contacts, gate.undo_link TO discreet_owner;
RESET ROLE;

-- functions/intake/accept.sql
-- From messages to rows, in one round trip and one commit.
SET ROLE discreet_gate;

-- Stores messages in their order. Each has an outcome of its own, in one row: that of
-- gate.accept_message, or 'failed' with the error's code and what it is about; such a message leaves
-- nothing, and the others stay.
CREATE OR REPLACE FUNCTION gate.accept_messages(ticket text, messages gate.inbound[])
RETURNS TABLE (outcome text, message_id uuid, session_id uuid, contact_id uuid, code text, about text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
  said  gate.inbound;
BEGIN
  FOREACH said IN ARRAY messages LOOP
    code := NULL;
    about := NULL;
    BEGIN
      SELECT a.* INTO outcome, message_id, session_id, contact_id
        FROM gate.accept_message(owner, said) a;
    EXCEPTION WHEN OTHERS THEN
      outcome := 'failed';
      message_id := NULL;
      session_id := NULL;
      contact_id := NULL;
      code := SQLSTATE;
      -- Of an error of the database itself the text may quote a row.
      about := CASE WHEN starts_with(SQLSTATE, 'DS') THEN SQLERRM END;
    END;
    RETURN NEXT;
  END LOOP;
END $$;

-- outcome: 'accepted', 'duplicate', 'erased' (said before its sender was erased), or why it was not
-- taken (gate.turned_away). Errors: DS001 no such channel; as for gate.take_message.
CREATE OR REPLACE FUNCTION gate.accept_message(
  owner uuid, said gate.inbound,
  OUT outcome text, OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  via    discreet.channels;
  one_of uuid[];
  shared boolean;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = said.channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  one_of := gate.channels_for(via, said);
  IF cardinality(one_of) > 1 THEN
    -- Of two branches that fit, the one for the chat itself.
    SELECT c.* INTO via FROM discreet.channels c
     WHERE c.id = ANY (one_of) AND (c.id = said.channel OR c.closed_at IS NULL)
     ORDER BY c.parent_id IS NULL, c.only_chat <> said.chat LIMIT 1;
  END IF;
  SELECT 'duplicate', m.id, m.session_id, m.contact_id
    INTO outcome, message_id, session_id, contact_id
    FROM discreet.messages m
   WHERE m.channel_id = ANY (one_of) AND m.chat_id = said.chat
     AND m.platform_message_id = said.platform_message AND m.direction = 'in';
  IF NOT FOUND AND said.files <> '[]' THEN
    SELECT 'duplicate', f.message_id, f.session_id, f.contact_id
      INTO outcome, message_id, session_id, contact_id
      FROM discreet.attachments f
     WHERE f.channel_id = ANY (one_of) AND f.chat_id = said.chat
       AND f.platform_message_id = said.platform_message
     LIMIT 1;
  END IF;
  IF message_id IS NOT NULL THEN
    RETURN;
  END IF;
  IF gate.was_erased(owner, said.written_at, said.sender_platform || ':' || said.sender_id,
                     said.group_platform || ':' || said.group_id) THEN
    outcome := 'erased';
    RETURN;
  END IF;
  SELECT a.memory_model = 'shared' INTO STRICT shared FROM discreet.agents a
   WHERE a.id = via.agent_id;
  outcome := gate.turned_away(owner, via, shared, said);
  IF outcome IS NULL THEN
    outcome := 'accepted';
    SELECT t.message_id, t.session_id, t.contact_id INTO message_id, session_id, contact_id
      FROM gate.take_message(owner, via, shared, said) t;
  END IF;
END $$;

-- Stores the message of a sender who may come in: contact, session, route, row and wake job.
-- Errors: as for gate.speaker_of; serialization_failure: look again.
CREATE OR REPLACE FUNCTION gate.take_message(
  owner uuid, via discreet.channels, of_all boolean, said gate.inbound,
  OUT message_id uuid, OUT session_id uuid, OUT contact_id uuid)
LANGUAGE plpgsql AS $$
DECLARE
  speaker uuid := gate.speaker_of(owner, via, said);
  here    discreet.sessions;
  route   uuid;
  command text;
  wanted  boolean;
BEGIN
  contact_id := speaker;
  IF said.group_id IS NOT NULL THEN
    contact_id := gate.find_or_create_contact(
      owner, said.group_platform, said.group_id, 'group', said.group_name);
  END IF;
  IF of_all THEN
    contact_id := NULL;
  END IF;
  IF speaker IS DISTINCT FROM contact_id AND speaker IS NOT NULL THEN
    -- No key leads from a line to who spoke among others; one who is erased just now must not come back.
    PERFORM 1 FROM discreet.contacts c WHERE c.id = speaker FOR KEY SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'sender_erased' USING ERRCODE = 'serialization_failure';
    END IF;
  END IF;

  IF said.addressed AND said.album_id = '' AND said.files = '[]' AND starts_with(said.body, '/') THEN
    command := gate.command_of(said.body, contact_id IS NULL AND NOT of_all);
  END IF;
  here := gate.find_or_create_session(
    owner, via.agent_id, contact_id, of_all, said.thread,
    said.force_new OR command IS NOT DISTINCT FROM 'new');
  session_id := here.id;
  IF command = 'stop' THEN
    PERFORM gate.stop_turn(here.id);
  END IF;
  route := gate.find_or_create_route(here, via.id, said.chat, said.platform_thread);
  SELECT s.message_id, s.wanted INTO message_id, wanted
    FROM gate.store_message(via, here, route, speaker, command, said) s;
  IF wanted THEN
    PERFORM gate.wake_for_message(via, here.id, command, said);
  ELSE
    PERFORM gate.trim_context(here.id);
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.accept_messages, gate.accept_message, gate.take_message FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.accept_messages TO discreet_intake;
RESET ROLE;

-- functions/intake/admission.sql
-- Who may come in, channel by channel: 'open' (whoever writes), 'pairing' (a stranger gets a code,
-- and waits until the owner approves it), 'allowlist' (nobody whom the owner didn't name). The
-- terminal belongs to whoever runs the installation, and is never asked.
SET ROLE discreet_gate;

-- Why a message that has arrived is not taken: 'blocked'; 'linked' (it was the owner's code); 'aside'
-- (a stranger's, kept until they are let in); 'stranger' (not kept); or null.
CREATE OR REPLACE FUNCTION gate.not_admitted(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sender  uuid := gate.known_contact(owner, said.sender_platform, said.sender_id);
  a_group uuid := gate.known_contact(owner, said.group_platform, said.group_id);
  party   uuid := CASE WHEN said.group_id IS NULL THEN sender ELSE a_group END;
BEGIN
  IF EXISTS (SELECT 1 FROM discreet.contacts c
              WHERE c.owner_id = owner AND c.blocked_at IS NOT NULL
                AND c.id IN (said.sender_contact, sender, a_group)) THEN
    RETURN 'blocked';
  END IF;
  IF via.platform = 'terminal' OR said.sender_kind <> 'address' THEN
    RETURN NULL;
  END IF;
  IF gate.links_owner(owner, via, said) THEN
    RETURN 'linked';
  END IF;
  IF via.admission = 'open'
     OR EXISTS (SELECT 1 FROM discreet.admissions a
                 WHERE a.channel_id IN (via.id, via.parent_id) AND a.contact_id = party)
     OR (said.group_id IS NULL
         AND EXISTS (SELECT 1 FROM discreet.addresses a
                      WHERE a.owner_id = owner AND a.platform = said.sender_platform
                        AND a.platform_id = said.sender_id AND a.of_owner)) THEN
    RETURN NULL;
  END IF;
  IF via.admission = 'pairing' AND said.addressed THEN
    RETURN gate.ask_to_pair(owner, via, said, party);
  END IF;
  RETURN 'stranger';
END $$;

-- Somebody is let in before they have written. The contact; made if new.
CREATE OR REPLACE FUNCTION gate.admit(channel uuid, of_platform text, of_id text, kind text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  via    discreet.channels;
  result uuid;
  asked  uuid;
BEGIN
  SELECT c.* INTO via FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  result := gate.find_or_create_contact(owner, of_platform, of_id, kind, '');
  IF result IS NOT NULL THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (channel, result, owner, via.agent_id) ON CONFLICT DO NOTHING;
    SELECT p.id INTO asked FROM discreet.pairings p
     WHERE p.channel_id = channel AND p.contact_id = result;
    IF FOUND THEN
      PERFORM gate.decide_pairing(asked, true);
    END IF;
  END IF;
  RETURN result;
END $$;

-- An agent whose memory everybody shares is not for everybody.
CREATE OR REPLACE FUNCTION gate.refuse_shared_and_open() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent uuid := CASE TG_TABLE_NAME WHEN 'agents' THEN to_jsonb(NEW)->>'id'
                                   ELSE to_jsonb(NEW)->>'agent_id' END;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: admission ' || agent, 0));
  IF EXISTS (SELECT 1 FROM discreet.agents a JOIN discreet.channels c ON c.agent_id = a.id
              WHERE a.id = agent AND a.memory_model = 'shared'
                AND c.admission = 'open' AND c.platform <> 'terminal' AND c.closed_at IS NULL) THEN
    RAISE EXCEPTION 'shared_and_open' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

-- Why a message is not taken, or null: first whether its sender may come in, then how much they may
-- use.
CREATE OR REPLACE FUNCTION gate.turned_away(
  owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN coalesce(gate.not_admitted(owner, via, shared, said),
                  gate.over_limit(owner, via, shared, said));
END $$;

REVOKE ALL ON FUNCTION gate.not_admitted, gate.admit, gate.refuse_shared_and_open,
  gate.turned_away FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.admit TO discreet_owner;
GRANT EXECUTE ON FUNCTION gate.refuse_shared_and_open TO discreet_schema;
RESET ROLE;

-- functions/intake/codes.sql
SET ROLE discreet_gate;

-- Eight characters of 31 that nobody mistakes for each other (no I, L, O, 0, 1): 39 bits.
CREATE OR REPLACE FUNCTION gate.new_code() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT string_agg(substr('ABCDEFGHJKMNPQRSTUVWXYZ23456789', 1 + get_byte(r.bytes, i) % 31, 1), '')
    -- The bytes of a random UUID that hold no version and no variant.
    FROM (SELECT uuid_send(gen_random_uuid()) AS bytes) r, unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10]) i
$$;

-- The code in what somebody typed, or null where it isn't one.
CREATE OR REPLACE FUNCTION gate.as_code(typed text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT substring(upper(regexp_replace(left(typed, 40), '[[:space:]-]', '', 'g'))
                   FROM '^[A-HJKMNP-Z2-9]{8}$')
$$;

REVOKE ALL ON FUNCTION gate.new_code, gate.as_code FROM PUBLIC;
RESET ROLE;

-- functions/intake/commands.sql
-- What senders can say to the machine rather than to the agent; and that several messages which are
-- written in one breath are one turn.
SET ROLE discreet_gate;

-- The command in a text, or null: whatever isn't one goes to the agent. The owner, in a session of
-- their own, has other commands than who writes to the agent.
CREATE OR REPLACE FUNCTION gate.command_of(body text, of_owner boolean) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.word FROM (SELECT substring(lower(left(body, 40)) FROM '^/([a-z]+)(?:[[:space:]]|$)')) c(word)
   WHERE c.word = ANY (CASE WHEN of_owner
     THEN ARRAY['start', 'help', 'new', 'stop', 'pairing', 'approve', 'deny']
     ELSE ARRAY['start', 'help', 'new', 'stop', 'memories', 'forget', 'export', 'link'] END)
$$;

REVOKE ALL ON FUNCTION gate.command_of FROM PUBLIC;
RESET ROLE;

-- functions/intake/limits.sql
-- What one contact may use of one agent: messages in a minute, messages that wait, tokens in a day
-- (UTC). A group is one contact. The owner, and whoever sits at the terminal, has no limit.
SET ROLE discreet_gate;

-- What counts for a contact (null: for everybody who has nothing of their own).
CREATE OR REPLACE FUNCTION gate.limits_of(
  of_owner uuid, contact uuid,
  OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(own.messages_a_minute, everybody.messages_a_minute, policy.messages_a_minute),
         coalesce(own.waiting, everybody.waiting, policy.messages_waiting),
         coalesce(own.tokens_a_day, everybody.tokens_a_day, policy.tokens_a_day)
    FROM gate.policy
    LEFT JOIN discreet.limits own ON own.owner_id = of_owner AND own.contact_id = contact
    LEFT JOIN discreet.limits everybody
           ON everybody.owner_id = of_owner AND everybody.contact_id IS NULL
$$;

-- The same for the owner to look at.
CREATE OR REPLACE FUNCTION gate.show_limits(
  contact uuid, OUT messages_a_minute integer, OUT waiting integer, OUT tokens_a_day bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.* FROM gate.limits_of(gate.require_owner(), contact) l
$$;

-- The limit that one more message of a contact would go beyond, or null.
CREATE OR REPLACE FUNCTION gate.limit_reached(of_owner uuid, agent uuid, contact uuid, shared boolean)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most    record;
  -- Where everybody shares one session, what counts is who spoke there.
  of_party uuid := CASE WHEN shared THEN agent ELSE contact END;
BEGIN
  SELECT * INTO most FROM gate.limits_of(of_owner, contact);
  IF (SELECT count(*) FROM (
        SELECT 1 FROM discreet.messages m
         WHERE m.owner_id = of_owner AND m.agent_id = agent AND m.party = of_party
           AND m.created_at > clock_timestamp() - interval '1 minute'
           AND m.direction = 'in' AND m.state <> 'context'
           AND (NOT limit_reached.shared OR m.sender_contact_id = contact)
         LIMIT most.messages_a_minute) found) >= most.messages_a_minute THEN
    RETURN 'messages_a_minute';
  END IF;
  IF (SELECT count(*) FROM (
        SELECT 1 FROM discreet.sessions s JOIN discreet.messages m ON m.session_id = s.id
         WHERE s.owner_id = of_owner AND s.agent_id = agent
           AND s.party = of_party
           AND m.state IN ('waiting', 'taken')
           AND (NOT limit_reached.shared OR m.sender_contact_id = contact)
         LIMIT most.waiting) found) >= most.waiting THEN
    RETURN 'waiting';
  END IF;
  -- Those of a turn that answers several in a shared session are each one's.
  IF (
       SELECT coalesce(sum((t.usage->>'input_tokens')::bigint
                           + (t.usage->>'output_tokens')::bigint), 0)
         FROM discreet.turns t
        WHERE t.owner_id = of_owner AND t.agent_id = agent AND t.party = of_party
          AND t.started_at >= date_trunc('day', clock_timestamp(), 'UTC')
          AND (NOT limit_reached.shared OR EXISTS (
                 SELECT FROM discreet.messages m
                  WHERE m.turn_id = t.id AND m.direction = 'in'
                    AND m.sender_contact_id = contact))) >= most.tokens_a_day THEN
    RETURN 'tokens_a_day';
  END IF;
  RETURN NULL;
END $$;

-- 'limited' where a contact has gone beyond: told in one line, then silence until the window ends.
CREATE OR REPLACE FUNCTION gate.over_limit(owner uuid, via discreet.channels, shared boolean, said gate.inbound)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  contact uuid;
  now_is  timestamptz := clock_timestamp();
  beyond  text;
  is_new  boolean;
BEGIN
  IF (via.platform = 'terminal' AND NOT said.limited)
     OR NOT said.addressed THEN
    RETURN NULL;
  END IF;
  contact := CASE WHEN said.group_id IS NULL
    THEN coalesce(said.sender_contact,
                  gate.known_contact(owner, said.sender_platform, said.sender_id))
    ELSE gate.known_contact(owner, said.group_platform, said.group_id) END;
  IF contact IS NULL THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.limit_hits h SET refused = h.refused + 1
   WHERE h.agent_id = via.agent_id AND h.contact_id = contact AND h.until > now_is
     AND h.kind <> 'waiting';
  IF FOUND THEN
    RETURN 'limited';
  END IF;
  beyond := gate.limit_reached(owner, via.agent_id, contact, shared);
  IF beyond IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO discreet.limit_hits AS h (agent_id, contact_id, kind, owner_id, since, until)
  VALUES (via.agent_id, contact, beyond, owner, now_is,
          CASE beyond WHEN 'messages_a_minute' THEN now_is + interval '1 minute'
                      WHEN 'waiting' THEN
                        now_is + (SELECT p.waiting_silence_seconds FROM gate.policy p)
                                 * interval '1 second'
                      ELSE date_trunc('day', now_is, 'UTC') + interval '1 day' END)
  ON CONFLICT (agent_id, contact_id, kind) DO UPDATE SET
    refused = CASE WHEN h.until > now_is THEN h.refused + 1 ELSE 1 END,
    since = CASE WHEN h.until > now_is THEN h.since ELSE excluded.since END,
    until = CASE WHEN h.until > now_is THEN h.until ELSE excluded.until END
  RETURNING h.since = now_is INTO is_new;
  IF is_new THEN
    -- In a session of its own: the agent didn't say it, and in a shared one nobody else reads it.
    PERFORM gate.send_notice(
      owner, via.agent_id, contact, 'notices', via.id, said.chat,
      said.platform_thread,
      'limit_' || beyond, NULL,
      said.platform_message);
  END IF;
  RETURN 'limited';
END $$;

REVOKE ALL ON FUNCTION gate.limits_of, gate.show_limits, gate.limit_reached, gate.over_limit
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.show_limits TO discreet_owner;
RESET ROLE;

-- functions/intake/owner_codes.sql
SET ROLE discreet_gate;

-- Whether what arrived is the owner's code: then its sender is the owner from now on. What the
-- account said before stays with the contact that it was. Only in a direct chat, once, in time. Wrong
-- codes count for whoever sends them, so that nobody else can use up the owner's tries.
CREATE OR REPLACE FUNCTION gate.links_owner(owner uuid, via discreet.channels, said gate.inbound)
RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wanted text := gate.as_code(said.body);
  who    bytea;
  link   discreet.owner_links;
  before uuid;
  here   discreet.sessions;
BEGIN
  IF wanted IS NULL OR said.group_id IS NOT NULL
     OR said.sender_platform IS DISTINCT FROM via.platform THEN
    RETURN false;
  END IF;
  SELECT l.* INTO link FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = via.platform AND l.used_at IS NULL
     AND l.expires_at > clock_timestamp()
   FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  who := gate.digest_of(via.platform || ':' || said.sender_id);
  IF (SELECT count(*) FROM discreet.wrong_codes w
       WHERE w.owner_id = owner AND w.sender = who AND w.tried_at > link.created_at)
     >= (SELECT p.wrong_codes_an_hour FROM gate.policy p) THEN
    RETURN false;
  END IF;
  IF link.digest <> sha256(convert_to(link.id || wanted, 'UTF8')) THEN
    INSERT INTO discreet.wrong_codes (owner_id, sender) VALUES (owner, who);
    RETURN false;
  END IF;
  UPDATE discreet.owner_links l
     SET used_at = clock_timestamp(), used_by = via.platform || ':' || said.sender_id
   WHERE l.id = link.id;
  before := gate.known_contact(owner, via.platform, said.sender_id);
  DELETE FROM discreet.pairings p WHERE p.contact_id = before AND p.state = 'pending';
  INSERT INTO discreet.addresses (owner_id, platform, platform_id, contact_id, of_owner)
  VALUES (owner, via.platform, said.sender_id, NULL, true)
  ON CONFLICT (owner_id, platform, platform_id) WHERE owner_key IS NOT NULL DO UPDATE SET contact_id = NULL, of_owner = true;
  -- Kept as a line that is answered, so that a repeated delivery finds it.
  here := gate.find_or_create_session(
    owner, via.agent_id, NULL,
    (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = via.agent_id),
    said.thread, false);
  INSERT INTO discreet.messages (
    owner_id, agent_id, shared, session_id, route_id, position, direction, state, text, sender_address,
    sender_name, channel_id, chat_id, platform_message_id, sent_at)
  VALUES (
    owner, via.agent_id, here.shared, here.id,
    gate.find_or_create_route(here, via.id, said.chat, said.platform_thread),
    here.last_position, 'in', 'answered',
    (SELECT n.text FROM gate.notices n WHERE n.code = 'owner_code'),
    via.platform || ':' || said.sender_id, said.sender_display, via.id,
    said.chat, said.platform_message, said.written_at);
  PERFORM gate.send_notice(owner, via.agent_id, NULL, said.thread, via.id, said.chat,
                   said.platform_thread,
                   'owner_linked', NULL,
                   said.platform_message);
  RETURN true;
END $$;

-- A new code for the owner's account on a platform; those before it are void.
CREATE OR REPLACE FUNCTION gate.make_owner_link(of_platform text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  code  text := gate.new_code();
  made  uuid := gen_random_uuid();
BEGIN
  DELETE FROM discreet.owner_links l
   WHERE l.owner_id = owner AND l.platform = of_platform AND l.used_at IS NULL;
  DELETE FROM discreet.wrong_codes w
   WHERE w.owner_id = owner AND w.sender IS NOT NULL
     AND w.tried_at < clock_timestamp()
                      - (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second';
  INSERT INTO discreet.owner_links (id, owner_id, platform, digest, expires_at)
  VALUES (made, owner, of_platform, sha256(convert_to(made || code, 'UTF8')),
          clock_timestamp() + (SELECT p.owner_code_seconds FROM gate.policy p) * interval '1 second');
  RETURN code;
END $$;

REVOKE ALL ON FUNCTION gate.links_owner, gate.make_owner_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.make_owner_link TO discreet_owner;
RESET ROLE;

-- functions/intake/pairing.sql
SET ROLE discreet_gate;

-- A stranger on a channel that pairs: 'aside' where what was said is kept, 'stranger' where not.
-- One line with a code goes out in an hour; whatever else arrives is met with silence.
CREATE OR REPLACE FUNCTION gate.ask_to_pair(owner uuid, via discreet.channels, said gate.inbound, stranger uuid)
RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  asked  discreet.pairings;
  policy gate.policy;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  -- Strangers of one channel come in one after the other, or they would be counted too few.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: pairing ' || via.id, 0));
  SELECT p.* INTO asked FROM discreet.pairings p
   WHERE p.channel_id = via.id AND p.contact_id = stranger;
  IF asked.state = 'denied' THEN
    RETURN 'stranger';
  END IF;
  IF asked.id IS NULL OR asked.state <> 'pending' OR asked.expires_at <= clock_timestamp() THEN
    IF (SELECT count(*) FROM discreet.pairings p
         WHERE p.channel_id = via.id AND p.state = 'pending' AND p.expires_at > clock_timestamp())
         >= policy.pairings_pending
       OR (SELECT count(*) FROM discreet.pairings p
            WHERE p.channel_id = via.id AND p.issued_at > clock_timestamp() - interval '1 hour')
         >= policy.pairing_codes_an_hour THEN
      RETURN 'stranger';
    END IF;
    IF stranger IS NULL THEN
      IF said.group_id IS NOT NULL THEN
        stranger := gate.find_or_create_contact(
          owner, said.group_platform, said.group_id, 'group', said.group_name);
      ELSE
        stranger := gate.find_or_create_contact(
          owner, said.sender_platform, said.sender_id, 'external',
          said.sender_display);
      END IF;
    END IF;
    INSERT INTO discreet.pairings (owner_id, agent_id, channel_id, contact_id, code, expires_at)
    VALUES (owner, via.agent_id, via.id, stranger, gate.new_code(),
            clock_timestamp() + policy.pairing_code_seconds * interval '1 second')
    ON CONFLICT (channel_id, contact_id) DO UPDATE SET
      code = excluded.code, state = 'pending', issued_at = excluded.issued_at,
      expires_at = excluded.expires_at
    RETURNING * INTO asked;
    -- In a session of its own, also where the agent is shared: nobody else reads the code, and the
    -- conversation that may follow doesn't begin with it.
    PERFORM gate.send_notice(
      owner, via.agent_id, stranger, 'pairing', via.id, said.chat,
      said.platform_thread,
      'pairing', left(asked.code, 4) || '-' || right(asked.code, 4),
      said.platform_message);
  END IF;
  IF (SELECT count(*) FROM discreet.held_messages k WHERE k.pairing_id = asked.id)
       >= policy.messages_held THEN
    RETURN 'stranger';
  END IF;
  INSERT INTO discreet.held_messages
    (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived)
  VALUES (via.id, said.chat, said.platform_message, owner, asked.id, to_jsonb(said))
  ON CONFLICT DO NOTHING;
  RETURN 'aside';
END $$;

-- The pairing that a code means. Wrong codes are counted: 'locked' where there were too many.
CREATE OR REPLACE FUNCTION gate.pairing_of_code(typed text, OUT pairing uuid, OUT locked boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
BEGIN
  -- Those who try at once are counted one after the other.
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: codes ' || owner, 0));
  locked := (SELECT count(*) FROM discreet.wrong_codes w
              WHERE w.owner_id = owner AND w.contact_id IS NULL AND w.sender IS NULL AND w.tried_at > clock_timestamp() - interval '1 hour')
            >= (SELECT p.wrong_codes_an_hour FROM gate.policy p);
  IF locked THEN
    RETURN;
  END IF;
  SELECT p.id INTO pairing FROM discreet.pairings p
   WHERE p.owner_id = owner AND p.code = gate.as_code(typed) AND p.state = 'pending'
     AND p.expires_at > clock_timestamp();
  IF NOT FOUND THEN
    INSERT INTO discreet.wrong_codes (owner_id) VALUES (owner);
  END IF;
END $$;

-- What was kept aside takes the usual way, as if it had just arrived.
CREATE OR REPLACE FUNCTION gate.accept_again(owner uuid, channel uuid, kept jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  said gate.inbound := jsonb_populate_record(NULL::gate.inbound, kept);
BEGIN
  said.channel := channel;
  PERFORM gate.accept_message(owner, said);
END $$;

-- Lets a stranger in, or not. What they said meanwhile takes the usual way now, as if it had just
-- arrived; or is thrown away. How many messages that were.
CREATE OR REPLACE FUNCTION gate.decide_pairing(pairing uuid, let_in boolean) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  asked discreet.pairings;
  kept  record;
  said  jsonb;
  all_said jsonb := '[]';
BEGIN
  UPDATE discreet.pairings p SET state = CASE WHEN let_in THEN 'approved' ELSE 'denied' END
   WHERE p.id = pairing AND p.owner_id = owner
   RETURNING p.* INTO asked;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_pairing' USING ERRCODE = 'DS001';
  END IF;
  IF let_in THEN
    INSERT INTO discreet.admissions (channel_id, contact_id, owner_id, agent_id)
    VALUES (asked.channel_id, asked.contact_id, owner, asked.agent_id)
    ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM discreet.admissions a
     WHERE a.channel_id = asked.channel_id AND a.contact_id = asked.contact_id;
  END IF;
  FOR kept IN
    DELETE FROM discreet.held_messages k WHERE k.pairing_id = pairing
    RETURNING k.arrived, k.created_at
  LOOP
    all_said := all_said || jsonb_build_array(
      kept.arrived || jsonb_build_object('kept_at', kept.created_at));
  END LOOP;
  IF let_in THEN
    FOR said IN SELECT j.value FROM jsonb_array_elements(all_said) j
                 ORDER BY (j.value->>'kept_at')::timestamptz LOOP
      PERFORM gate.accept_again(owner, asked.channel_id, said);
    END LOOP;
  END IF;
  RETURN jsonb_array_length(all_said);
END $$;

REVOKE ALL ON FUNCTION gate.ask_to_pair, gate.pairing_of_code, gate.accept_again,
  gate.decide_pairing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.pairing_of_code, gate.decide_pairing TO discreet_owner;
RESET ROLE;

-- functions/intake/quarantine.sql
SET ROLE discreet_gate;

-- What can't be given to a contact waits where only the owner sees it. Repeating it changes nothing.
CREATE OR REPLACE FUNCTION gate.quarantine_message(ticket text, channel uuid, dedupe text, message jsonb, why text)
RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter(ticket);
  policy gate.policy;
  result uuid;
BEGIN
  SELECT p.* INTO STRICT policy FROM gate.policy p;
  PERFORM 1 FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_channel' USING ERRCODE = 'DS001';
  END IF;
  INSERT INTO discreet.quarantine (owner_id, channel_id, dedupe_key, inbound, reason, next_try_at)
    VALUES (owner, channel, dedupe, message, why, 
            clock_timestamp() + policy.quarantine_retry_seconds * interval '1 second')
    ON CONFLICT (channel_id, dedupe_key, owner_id) DO UPDATE SET
      attempts = quarantine.attempts + 1, reason = excluded.reason,
      next_try_at = clock_timestamp()
        + least(policy.quarantine_retry_max_seconds,
                policy.quarantine_retry_seconds * 2 ^ least(quarantine.attempts, 20)) * interval '1 second'
    RETURNING id INTO result;
  RETURN result;
END $$;

-- The message found its contact after all.
CREATE OR REPLACE FUNCTION gate.release_quarantined(ticket text, quarantined uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.quarantine q SET released_at = clock_timestamp()
   WHERE q.id = quarantined AND q.owner_id = owner AND q.released_at IS NULL;
END $$;

REVOKE ALL ON FUNCTION gate.quarantine_message, gate.release_quarantined FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.quarantine_message, gate.release_quarantined TO discreet_intake;
RESET ROLE;

-- functions/intake/receipts.sql
-- What platforms tell about an answer after they took it: that it arrived, was read, or could not be
-- delivered after all.
SET ROLE discreet_gate;

-- Whether a chat is one of these, as platforms name them: by its id, or by another id of the same person.
CREATE OR REPLACE FUNCTION gate.is_chat(owner uuid, of_platform text, chat text, chats text[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT chat = ANY (chats) OR EXISTS (
    SELECT FROM discreet.addresses here
      JOIN discreet.addresses named
        ON (named.owner_id, named.platform) = (here.owner_id, here.platform)
       AND (named.contact_id = here.contact_id OR (named.of_owner AND here.of_owner))
     WHERE here.owner_id = owner AND here.platform = of_platform AND here.platform_id = chat
       AND named.platform_id = ANY (chats))
$$;

-- The answer of this owner on this channel, or one of its branches, that the platform took as this in
-- this chat. A scope writes itself what its answers are called on the platform, and nothing of the chat
-- that they go to: so what is told about one chat never counts for an answer in another.
CREATE OR REPLACE FUNCTION gate.answer_taken_as(owner uuid, channel uuid, chats text[], platform_message text)
RETURNS discreet.outbox
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT o FROM discreet.outbox o
    JOIN discreet.routes r ON r.id = o.route_id AND r.owner_id = owner
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE o.owner_id = owner AND o.owner_key IS NOT NULL AND o.platform_messages @> ARRAY[platform_message]
     AND channel IN (c.id, c.parent_id) AND o.state IN ('sent', 'failed')
     AND gate.is_chat(owner, c.platform, r.chat_id, chats)
$$;

-- The first time of each stage is kept, and what has arrived does not fail any more. An answer in
-- several messages has arrived with the last of them; it fails with any.
CREATE OR REPLACE FUNCTION gate.apply_receipt(
  answer discreet.outbox, platform_message text, stage text, at timestamptz, why text)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF stage = 'failed' THEN
    UPDATE discreet.outbox o SET state = 'failed', error = why
     WHERE o.message_id = answer.message_id AND o.delivered_at IS NULL;
  ELSIF answer.platform_messages[cardinality(answer.platform_messages)] = platform_message THEN
    UPDATE discreet.outbox o
       SET delivered_at = coalesce(o.delivered_at, at),
           read_at = CASE WHEN stage = 'read' THEN coalesce(o.read_at, at) ELSE o.read_at END
     WHERE o.message_id = answer.message_id;
  END IF;
END $$;

-- Receipts come early, late, twice and in any order. False: no answer of ours on this channel, or none
-- that is noted as sent yet; then it waits for that.
CREATE OR REPLACE FUNCTION gate.note_receipt(
  ticket text, channel uuid, chats text[], platform_message text, stage text, at timestamptz, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.enter(ticket);
  answer discreet.outbox := gate.answer_taken_as(owner, channel, chats, platform_message);
BEGIN
  IF answer.message_id IS NOT NULL THEN
    PERFORM gate.apply_receipt(answer, platform_message, stage, at, why);
    RETURN true;
  END IF;
  DELETE FROM discreet.early_receipts e WHERE e.created_at < clock_timestamp() - interval '1 hour';
  INSERT INTO discreet.early_receipts (owner_id, channel_id, chats, platform_message, stage, at, why)
  SELECT owner, c.id, chats, platform_message, stage, at, why
    FROM discreet.channels c WHERE c.id = channel AND c.owner_id = owner;
  RETURN false;
END $$;

-- An answer is noted as sent: what was told about it before that counts now.
CREATE OR REPLACE FUNCTION gate.apply_early_receipts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  told discreet.early_receipts;
BEGIN
  FOR told IN
    WITH early AS (
      DELETE FROM discreet.early_receipts e
       USING discreet.routes r, discreet.channels c
       WHERE r.id = NEW.route_id AND c.id = r.channel_id AND e.channel_id IN (c.id, c.parent_id)
         AND e.owner_id = NEW.owner_id AND e.platform_message = ANY (NEW.platform_messages)
         AND gate.is_chat(NEW.owner_id, c.platform, r.chat_id, e.chats)
      RETURNING e.*)
    SELECT * FROM early ORDER BY at
  LOOP
    PERFORM gate.apply_receipt(NEW, told.platform_message, told.stage, told.at, told.why);
  END LOOP;
  RETURN NULL;
END $$;

-- An answer replies to what was said in its own session and chat, or to nothing: what the platform calls
-- a message is for nobody to name at will.
CREATE OR REPLACE FUNCTION gate.reply_to_what_was_said() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM discreet.routes r
      JOIN discreet.messages m ON m.channel_id = r.channel_id AND m.chat_id = r.chat_id
     WHERE r.id = NEW.route_id AND m.session_id = NEW.session_id AND m.direction = 'in'
       AND m.platform_message_id = NEW.reply_to) THEN
    NEW.reply_to := NULL;
  END IF;
  RETURN NEW;
END $$;

REVOKE ALL ON FUNCTION gate.is_chat, gate.answer_taken_as, gate.apply_receipt, gate.note_receipt,
  gate.apply_early_receipts, gate.reply_to_what_was_said FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.note_receipt TO discreet_intake;
GRANT EXECUTE ON FUNCTION gate.apply_early_receipts, gate.reply_to_what_was_said TO discreet_schema;
RESET ROLE;

-- functions/intake/receive_cursor.sql
-- Platforms that wait for no confirmation: until when everything that was said on an account is
-- stored, and what keeps the account from receiving. A time names nobody, so erasing a contact
-- leaves nothing here.
SET ROLE discreet_gate;

-- Until when, and in which chats and threads somebody has been heard: [[chat, thread], ...].
CREATE OR REPLACE FUNCTION gate.receive_cursor(ticket text, channel uuid)
RETURNS TABLE (received_through timestamptz, chats jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  RETURN QUERY
  SELECT c.received_through,
         (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_array(r.chat_id, r.thread_id)), '[]')
            FROM discreet.routes r
           WHERE r.channel_id IN (SELECT b.id FROM discreet.channels b WHERE c.id IN (b.id, b.parent_id)))
    FROM discreet.channels c
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
END $$;

-- It never goes back: several servers may tell late.
CREATE OR REPLACE FUNCTION gate.advance_receive_cursor(ticket text, channel uuid, until timestamptz)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.channels c SET received_through = greatest(c.received_through, until)
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL;
  RETURN FOUND;
END $$;

-- Empty: it can receive again.
CREATE OR REPLACE FUNCTION gate.record_channel_error(ticket text, channel uuid, why text)
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.enter(ticket);
BEGIN
  UPDATE discreet.channels c SET last_error = why
   WHERE c.id = channel AND c.owner_id = owner AND c.closed_at IS NULL AND c.last_error <> why;
  RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION gate.receive_cursor, gate.advance_receive_cursor, gate.record_channel_error FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.receive_cursor, gate.advance_receive_cursor, gate.record_channel_error TO discreet_intake;
RESET ROLE;

-- functions/intake/send_notice.sql
SET ROLE discreet_gate;

-- What nobody thought of, said to a chat by the gate itself: a line of the session that is no part
-- of the conversation, and on its way. `notice` is a code of gate.notices; '{code}' in its text is
-- replaced.
CREATE OR REPLACE FUNCTION gate.send_notice(
  owner uuid, agent uuid, party uuid, thread text, channel uuid, chat text, platform_thread text,
  notice text, code text, in_reply_to text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here   discreet.sessions := gate.find_or_create_session(
    owner, agent, party,
    party IS NULL AND (SELECT a.memory_model = 'shared' FROM discreet.agents a WHERE a.id = agent),
    thread, false);
  route  uuid := gate.find_or_create_route(here, channel, chat, platform_thread);
  result uuid;
BEGIN
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, state, text, command,
    reply_to)
  VALUES (owner, agent, party, here.shared, here.id, route, here.last_position, 'out', 'sent',
          (SELECT replace(n.text, '{code}', coalesce(send_notice.code, '')) FROM gate.notices n
            WHERE n.code = notice),
          'notice', in_reply_to)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (
    message_id, owner_id, agent_id, contact_id, shared, session_id, route_id)
  VALUES (result, owner, agent, party, here.shared, here.id, route);
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.send_notice FROM PUBLIC;
RESET ROLE;

-- functions/intake/sessions.sql
SET ROLE discreet_gate;

-- The open session of a party with an agent on a thread, its row locked; made if there is none.
CREATE OR REPLACE FUNCTION gate.find_or_create_session(
  owner uuid, agent uuid, contact uuid, of_all boolean, thread text, force_new boolean)
RETURNS discreet.sessions LANGUAGE plpgsql
AS $$
DECLARE
  whose  uuid := coalesce(contact, CASE WHEN of_all THEN agent ELSE owner END);
  result discreet.sessions;
BEGIN
  IF force_new THEN
    UPDATE discreet.sessions s SET ended_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL;
  END IF;
  LOOP
    UPDATE discreet.sessions s
       SET last_position = s.last_position + 1, last_message_at = clock_timestamp()
     WHERE s.owner_id = owner AND s.agent_id = agent AND s.party = whose
       AND s.thread_key = thread AND s.ended_at IS NULL
     RETURNING s.* INTO result;
    IF FOUND THEN
      RETURN result;
    END IF;
    INSERT INTO discreet.sessions (owner_id, agent_id, contact_id, shared, thread_key)
      VALUES (owner, agent, contact, of_all, thread)
      ON CONFLICT (owner_id, agent_id, party, thread_key) WHERE ended_at IS NULL DO NOTHING;
  END LOOP;
END $$;

-- Called by functions of the gate alone: a chat of a session, made if new.
CREATE OR REPLACE FUNCTION gate.find_or_create_route(
  here discreet.sessions, channel uuid, chat text, platform_thread text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  SELECT r.id INTO result FROM discreet.routes r
   WHERE r.session_id = here.id AND r.channel_id = channel AND r.chat_id = chat
     AND r.thread_id = platform_thread;
  IF NOT FOUND THEN
    INSERT INTO discreet.routes
      (owner_id, agent_id, contact_id, shared, session_id, channel_id, chat_id, thread_id)
      VALUES (here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, channel, chat,
              platform_thread)
      RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

-- The open session of this scope on a thread; made if there is none.
CREATE OR REPLACE FUNCTION gate.open_session(thread text, force_new boolean) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  scope gate.scope := gate.scope();
BEGIN
  IF scope.agent_id IS NULL THEN
    RAISE EXCEPTION 'no_agent' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN (gate.find_or_create_session(
    owner, scope.agent_id, scope.contact_id, session_user = 'discreet_shared', thread, force_new)).id;
END $$;

REVOKE ALL ON FUNCTION gate.find_or_create_session, gate.find_or_create_route, gate.open_session
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.open_session TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;

-- functions/intake/store.sql
SET ROLE discreet_gate;

-- The functions below are called by functions of the gate alone, with their rights and their search
-- path.
-- A channel and its branches for the chat of a message, closed ones too.
CREATE OR REPLACE FUNCTION gate.channels_for(via discreet.channels, said gate.inbound) RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF via.platform = 'terminal' THEN
    RETURN ARRAY[via.id];
  END IF;
  RETURN via.id || ARRAY(
    SELECT c.id FROM discreet.channels c
     WHERE c.parent_id = via.id
       AND c.only_chat IN (said.chat, coalesce(said.group_id, said.sender_id)));
END $$;

-- The contact who speaks, made if new; null: the owner. 'contact' and 'owner' are for whoever runs
-- the installation, at a terminal; on any other channel they are refused.
-- Errors: DS001 no such contact; DS002 the sender can't be resolved.
CREATE OR REPLACE FUNCTION gate.speaker_of(owner uuid, via discreet.channels, said gate.inbound)
RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
  result uuid;
BEGIN
  IF said.sender_kind = 'address' THEN
    RETURN gate.find_or_create_contact(
      owner, said.sender_platform, said.sender_id, 'external', said.sender_display);
  ELSIF said.sender_kind = 'contact' AND via.platform = 'terminal' THEN
    SELECT c.id INTO result FROM discreet.contacts c
     WHERE c.id = said.sender_contact AND c.owner_id = owner AND c.merged_into IS NULL;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'no_such_contact' USING ERRCODE = 'DS001';
    END IF;
    RETURN result;
  ELSIF said.sender_kind = 'owner' AND via.platform = 'terminal' THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'no_sender' USING ERRCODE = 'DS002';
END $$;

-- Stores a message in its session: as a row of its own, or as a further part of an album that still
-- waits, which its sender sees as one message. `wanted`: whether the agent has to look at it.
CREATE OR REPLACE FUNCTION gate.store_message(
  via discreet.channels, here discreet.sessions, route uuid, speaker uuid, command text,
  said gate.inbound, OUT message_id uuid, OUT wanted boolean)
LANGUAGE plpgsql AS $$
DECLARE
  album discreet.messages;
BEGIN
  wanted := said.addressed;
  IF said.album_id <> '' THEN
    SELECT m.* INTO album FROM discreet.messages m
     WHERE m.session_id = here.id AND m.route_id = route AND m.album = said.album_id
       AND m.sender_contact_id IS NOT DISTINCT FROM speaker AND m.state IN ('waiting', 'context')
     ORDER BY m.position DESC LIMIT 1;
  END IF;
  IF album.id IS NOT NULL THEN
    message_id := album.id;
    wanted := wanted OR album.state = 'waiting';
    UPDATE discreet.messages m
       SET text = m.text || E'\n' || said.body, terms = NULL, tokens = NULL,
           state = CASE WHEN said.addressed THEN 'waiting' ELSE m.state END
     WHERE m.id = album.id;
  ELSE
    INSERT INTO discreet.messages (
      owner_id, agent_id, contact_id, shared, session_id, route_id, position, direction, text,
      sender_contact_id, sender_address, sender_name, channel_id, chat_id, platform_message_id,
      reply_to, sent_at, album, state, not_before, command)
    VALUES (
      here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route,
      here.last_position, 'in', said.body, speaker,
      CASE WHEN said.sender_kind = 'address' THEN said.sender_platform || ':' || said.sender_id
           ELSE '' END,
      said.sender_display, via.id, said.chat, said.platform_message, said.in_reply_to,
      said.written_at, said.album_id, CASE WHEN wanted THEN 'waiting' ELSE 'context' END,
      CASE WHEN said.album_id <> '' THEN clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second' END, command)
    RETURNING id INTO message_id;
  END IF;
  IF said.files <> '[]' THEN
    INSERT INTO discreet.attachments (
      owner_id, agent_id, contact_id, shared, session_id, route_id, message_id, position, kind,
      platform_file, name, media_type, size, channel_id, chat_id, platform_message_id)
    SELECT here.owner_id, here.agent_id, here.contact_id, here.shared, here.id, route,
           store_message.message_id,
           (SELECT count(*) FROM discreet.attachments f
             WHERE f.message_id = store_message.message_id) + file.nr,
           file.value->>'kind', file.value->>'platform_file', file.value->>'name',
           file.value->>'media_type', (file.value->>'size')::bigint, via.id, said.chat,
           said.platform_message
      FROM jsonb_array_elements(said.files) WITH ORDINALITY AS file(value, nr);
  END IF;
END $$;

-- Has a session looked at. What the same people write within a short time is taken together;
-- commands don't wait.
CREATE OR REPLACE FUNCTION gate.wake_for_message(
  via discreet.channels, session uuid, command text, said gate.inbound)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wake_at timestamptz;
BEGIN
  IF command IS NULL AND via.platform <> 'terminal' THEN
    wake_at := clock_timestamp() + via.debounce;
  END IF;
  IF said.album_id <> '' THEN
    wake_at := greatest(wake_at, clock_timestamp() + (SELECT p.album_seconds FROM gate.policy p) * interval '1 second');
  END IF;
  PERFORM gate.defer_turn(session, wake_at, via.platform = 'terminal' OR command IS NOT NULL);
END $$;

-- Of the lines that a session only overheard, the newest stay.
CREATE OR REPLACE FUNCTION gate.trim_context(session uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM discreet.messages m
   WHERE m.session_id = session AND m.state = 'context'
     AND m.position <= (SELECT c.position FROM discreet.messages c
                         WHERE c.session_id = session AND c.state = 'context'
                         ORDER BY c.position DESC 
                        OFFSET (SELECT p.context_lines FROM gate.policy p) LIMIT 1);
END $$;

REVOKE ALL ON FUNCTION gate.channels_for, gate.speaker_of, gate.store_message,
  gate.wake_for_message, gate.trim_context FROM PUBLIC;
RESET ROLE;

-- functions/memory/expiry.sql
SET ROLE discreet_gate;

-- Those that expired more than so long ago go to the history, a part at a time; how many.
CREATE OR REPLACE FUNCTION gate.purge_expired(kept interval, most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  purged integer;
BEGIN
  DELETE FROM discreet.memories WHERE id IN (
    SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.expires_at < clock_timestamp() - kept
     ORDER BY m.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS purged = ROW_COUNT;
  RETURN purged;
END $$;

REVOKE ALL ON FUNCTION gate.purge_expired FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.purge_expired TO discreet_worker;
RESET ROLE;

-- functions/memory/history.sql
-- Every older version of a memory is kept, with its agent and contact, whoever changes it and how.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.archive_memory() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- Two contacts turned out to be one person; nobody but the gate may write that column.
  IF TG_OP = 'UPDATE' AND NEW.contact_id IS DISTINCT FROM OLD.contact_id THEN
    RETURN NEW;
  END IF;
  -- Another vector or other terms for the same text are no new version.
  IF TG_OP = 'UPDATE' AND NEW.version = OLD.version
     AND (NEW.content, NEW.summary, NEW.topic_key, NEW.topics, NEW.salience, NEW.metadata,
          NEW.expires_at, NEW.source) IS NOT DISTINCT FROM
         (OLD.content, OLD.summary, OLD.topic_key, OLD.topics, OLD.salience, OLD.metadata,
          OLD.expires_at, OLD.source) THEN
    RETURN NEW;
  END IF;
  INSERT INTO discreet.memory_history (
    memory_id, version, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics,
    salience, source, metadata, expires_at, terms, tokens, embedder, embedding, turn_id, created_at,
    updated_at, change)
  VALUES (
    OLD.id, OLD.version, OLD.owner_id, OLD.agent_id, OLD.contact_id, OLD.shared, OLD.content, OLD.summary,
    OLD.topic_key, OLD.topics, OLD.salience, OLD.source, OLD.metadata, OLD.expires_at, OLD.terms,
    OLD.tokens, OLD.embedder, OLD.embedding, OLD.turn_id, OLD.created_at, OLD.updated_at,
    -- The worker forgets nothing but what has expired.
    CASE WHEN TG_OP = 'DELETE' AND session_user = 'discreet_worker' THEN 'expire'
         ELSE lower(TG_OP) END);
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  NEW.version := OLD.version + 1;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;

-- Brings a memory back exactly as it was in that version; what it is now is archived first.
-- Nothing comes back where the scope doesn't hold the memory, and nothing says why.
CREATE OR REPLACE FUNCTION gate.restore_memory(memory uuid, wanted integer) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
  old  discreet.memory_history;
BEGIN
  PERFORM gate.require_owner();
  SELECT h.* INTO old FROM discreet.memory_history h
   WHERE h.memory_id = memory AND h.version = wanted
     AND h.owner_id = here.owner_id
     AND (session_user = 'discreet_owner'
          OR (h.agent_id = here.agent_id AND h.contact_id IS NOT DISTINCT FROM here.contact_id
              AND h.shared = (session_user = 'discreet_shared')));
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.memories SET
    content = old.content, summary = old.summary, topic_key = old.topic_key, topics = old.topics,
    salience = old.salience, metadata = old.metadata, expires_at = old.expires_at,
    source = old.source, turn_id = old.turn_id,
    terms = old.terms, tokens = old.tokens, embedder = old.embedder, embedding = old.embedding,
    version = version + 1
   WHERE id = memory;
  IF NOT FOUND THEN
    INSERT INTO discreet.memories (
      id, owner_id, agent_id, contact_id, shared, content, summary, topic_key, topics, salience, source,
      metadata, expires_at, version, terms, tokens, embedder, embedding, turn_id, created_at)
    VALUES (
      old.memory_id, old.owner_id, old.agent_id, old.contact_id, old.shared, old.content, old.summary,
      old.topic_key, old.topics, old.salience, old.source, old.metadata, old.expires_at,
      (SELECT max(h.version) + 1 FROM discreet.memory_history h WHERE h.memory_id = memory),
      old.terms, old.tokens, old.embedder, old.embedding, old.turn_id, old.created_at);
  END IF;
  RETURN memory;
END $$;

REVOKE ALL ON FUNCTION gate.archive_memory, gate.restore_memory FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.archive_memory TO discreet_schema;
GRANT EXECUTE ON FUNCTION gate.restore_memory TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;

-- functions/memory/limits.sql
-- What programs meet that speak for people: how many memories a contact may have, and that whoever waits
-- for an answer is told to look whether it may still have it.
SET ROLE discreet_gate;

-- Once a statement, whatever way a memory comes back or is made. A summary of a conversation is no wish of
-- anybody's, and there is one for each session. DS004: the limit, in a message that is the number alone.
CREATE OR REPLACE FUNCTION gate.refuse_too_many_memories() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  most integer := (SELECT p.memories_per_contact FROM gate.policy p);
  it   record;
BEGIN
  FOR it IN SELECT DISTINCT a.owner_id, a.agent_id, a.party FROM added a
             WHERE (a.contact_id IS NOT NULL OR a.shared) AND a.source <> 'compaction' LOOP
    IF (SELECT count(*) FROM (
          SELECT FROM discreet.memories m
           WHERE m.owner_id = it.owner_id AND m.agent_id = it.agent_id AND m.party = it.party
           LIMIT most + 1) found) > most THEN
      RAISE EXCEPTION '%', most USING ERRCODE = 'DS004';
    END IF;
  END LOOP;
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.refuse_too_many_memories FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.refuse_too_many_memories TO discreet_schema;
RESET ROLE;

-- functions/memory/owner_recall.sql
-- The owner searches everybody's memories, and no row-level filter can use the indexes that this takes:
-- their operators are not leakproof. So candidates come from a function that has the owner's filter
-- inside. Contacts are searched exactly, over their own rows, and never by these indexes.
SET ROLE discreet_gate;

-- Ids of an owner's memories that may be among the best for a question: of those that hold a rare word
-- of it, or two common ones, the most promising; and the nearest. `document_frequency`: how many memories hold each
-- word, `memories`: how many there are, `mean_length`: words in one, `many`: about how many may be looked
-- at for their words. What they are worth is BM25, as in memory/ranking.py.
CREATE OR REPLACE FUNCTION gate.owner_candidates(
  of_embedder text, dimensions integer, near public.vector, words text[], document_frequency float8[],
  memories float8, mean_length float8, many integer)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner   uuid := gate.require_owner();
  rare    text[];
  common  text[];
  worth   text;
  wanted  text[] := '{}';
BEGIN
  -- The filters are written so that no other index can serve them, and the nearest are looked for until
  -- there are enough of this owner's.
  PERFORM set_config('hnsw.ef_search', '150', true);
  PERFORM set_config('hnsw.iterative_scan', 'relaxed_order', true);
  SELECT coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto <= many), '{}'),
         coalesce(array_agg(k.word ORDER BY k.held) FILTER (WHERE k.upto > many), '{}'),
         string_agg(format('coalesce(%s / (1 + m.norm / nullif(cardinality(array_positions(m.terms, '
                           '%L)), 0)), 0)',
                           ln(1 + greatest(memories - k.held + 0.5, 1) / (k.held + 0.5)), k.word),
                    ' + ')
    INTO rare, common, worth
    FROM (SELECT w.word, w.held, sum(w.held) OVER (ORDER BY w.held, w.word) AS upto
            FROM unnest(words, document_frequency) AS w (word, held)) k;
  IF cardinality(rare) > 0 THEN
    wanted := wanted || format('SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms && %L::text[] '
                               'AND (m.owner_id = %L) IS TRUE', rare, owner);
  END IF;
  FOR a IN 1 .. least(cardinality(common), 3) LOOP
    FOR b IN a + 1 .. least(cardinality(common), 3) LOOP
      wanted := wanted || format(
        '(SELECT * FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> %L::text[] AND (m.owner_id = %L) IS TRUE LIMIT %s)',
        ARRAY[common[a], common[b]], owner, greatest(many / 4, 10));
    END LOOP;
  END LOOP;
  IF cardinality(wanted) > 0 THEN
    RETURN QUERY EXECUTE format(
      'SELECT best.id FROM (SELECT m.id, %s AS worth, '
      'coalesce(1 - (CASE WHEN m.embedder = %L THEN m.embedding END <=> $1), 0) AS cosine '
      'FROM (SELECT found.*, 0.72 + 0.48 * cardinality(found.terms) / %s AS norm FROM (%s) found) m'
      ') best ORDER BY 3 * best.worth / max(best.worth) OVER () + 2.5 * best.cosine DESC LIMIT 300',
      worth, of_embedder, greatest(mean_length, 1), array_to_string(wanted, ' UNION ALL '))
      USING near;
  END IF;
  IF near IS NOT NULL AND cardinality(rare) = 0 AND cardinality(common) > 0 THEN
    PERFORM set_config('hnsw.max_scan_tuples', '4000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'AND (m.terms @> %L::text[]) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, common[1:1], dimensions, dimensions)
      USING owner, near;
  END IF;
  IF near IS NOT NULL THEN
    PERFORM set_config('hnsw.max_scan_tuples', '20000', true);
    RETURN QUERY EXECUTE format(
      'SELECT m.id FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.embedder = %L AND (m.owner_id = $1) IS TRUE '
      'ORDER BY m.embedding::halfvec(%s) <=> $2::halfvec(%s) LIMIT 150',
      of_embedder, dimensions, dimensions)
      USING owner, near;
  END IF;
END $$;

REVOKE ALL ON FUNCTION gate.owner_candidates FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.owner_candidates TO discreet_owner;
RESET ROLE;

-- functions/memory/owner_term_stats.sql
SET ROLE discreet_gate;

-- Counts anew, from a sample, the words of each owner who has more memories than are ranked at once.
CREATE OR REPLACE FUNCTION gate.count_owner_terms(many bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  in_table real := (SELECT c.reltuples FROM pg_class c WHERE c.oid = 'discreet.memories'::regclass);
  percent  real := least(100, 100.0 * 30000 / greatest(in_table, 1));
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('discreet: words', 0)) THEN
    RETURN;  -- another process counts
  END IF;
  DELETE FROM discreet.owner_term_stats;
  IF in_table < many THEN
    RETURN;
  END IF;
  INSERT INTO discreet.owner_term_stats (owner_id, word, document_frequency)
  WITH sampled AS MATERIALIZED (
    SELECT m.owner_id, m.terms FROM discreet.memories m TABLESAMPLE SYSTEM (percent)
  ), owners AS (
    SELECT s.owner_id, count(*) AS memories, sum(cardinality(s.terms)) AS words FROM sampled s
     GROUP BY s.owner_id HAVING count(*) * 100 / percent >= many
  )
  SELECT o.owner_id, '', round(o.memories * 100 / percent) FROM owners o
   UNION ALL
  SELECT o.owner_id, '#', round(o.words * 100 / percent) FROM owners o
   UNION ALL
  SELECT w.owner_id, w.word, round(count(*) * 100 / percent)
    FROM (SELECT DISTINCT s.owner_id, s.ctid_, t.word
            FROM (SELECT row_number() OVER () AS ctid_, s.* FROM sampled s) s
            JOIN owners o USING (owner_id), unnest(s.terms) AS t (word)) w
   GROUP BY w.owner_id, w.word HAVING count(*) > 1;
END $$;

-- How many of an owner's memories hold each word: exactly where few do (`few` stands for that many or
-- more), and about where many do. No row: the owner has so few memories that they are ranked exactly.
CREATE OR REPLACE FUNCTION gate.owner_term_counts(words text[], few integer)
RETURNS TABLE (word text, document_frequency bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  owner uuid := gate.require_owner();
  rare  text;
BEGIN
  IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = '') THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT o.word, o.document_frequency FROM discreet.owner_term_stats o
    WHERE o.owner_id = owner AND o.word = ANY (words || ARRAY['', '#']);
  FOREACH rare IN ARRAY words LOOP
    IF NOT EXISTS (SELECT FROM discreet.owner_term_stats o WHERE o.owner_id = owner AND o.word = rare) THEN
      RETURN QUERY EXECUTE
        'SELECT $2, count(*) FROM (SELECT FROM discreet.memories m WHERE m.owner_key IS NOT NULL AND m.terms @> ARRAY[$2] '
        'AND (m.owner_id = $1) IS TRUE LIMIT $3) found'
        USING owner, rare, few;
    END IF;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION gate.count_owner_terms, gate.owner_term_counts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.count_owner_terms TO discreet_worker;
GRANT EXECUTE ON FUNCTION gate.owner_term_counts TO discreet_owner;
RESET ROLE;

-- functions/memory/plain_text.sql
-- What a scope keeps once: a text however it is spelled, and whatever is filed under one topic key.
SET ROLE discreet_gate;

-- A text as it is compared with others: one spelling of compatible forms, quotes, spaces and of
-- capitals that only begin or shout a word; without what ends a sentence. A capital inside a word
-- and everything with a digit stays, for it may be a key, a code or a name of something.
CREATE OR REPLACE FUNCTION gate.plain_text(said text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(nullif(rtrim(string_agg(
           CASE WHEN word !~ '[[:digit:]]' AND (word = upper(word)
                     OR substr(word, 2) = lower(substr(word, 2)))
                THEN lower(word) ELSE word END, ' ' ORDER BY place), ' .!'), ''), said)
    FROM (SELECT part COLLATE pg_c_utf8 AS word, place
            FROM regexp_split_to_table(
              translate(normalize(said, NFKC), '‘’“”', '''''""') COLLATE pg_c_utf8, '\s+')
              WITH ORDINALITY AS split (part, place)
           WHERE part <> '') words
$$;

REVOKE ALL ON FUNCTION gate.plain_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.plain_text
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;

-- functions/memory/vectors.sql
SET ROLE discreet_schema;

-- The index by which the owner finds what is near, for the vectors of one embedder. Vectors of another
-- have another length, and another index.
CREATE OR REPLACE FUNCTION discreet.index_vectors(of_embedder text, dimensions integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  -- An index holds half-precision vectors of at most this length; longer ones are found by words.
  IF dimensions BETWEEN 1 AND 4000 THEN
    EXECUTE format(
      'CREATE INDEX IF NOT EXISTS %I ON discreet.memories USING hnsw '
      '((embedding::halfvec(%s)) halfvec_cosine_ops) WHERE embedder = %L AND owner_key IS NOT NULL',
      'memories_near_' || left(md5(of_embedder), 12), dimensions, of_embedder);
  END IF;
END $$;

REVOKE ALL ON FUNCTION discreet.index_vectors FROM PUBLIC;
GRANT EXECUTE ON FUNCTION discreet.index_vectors TO discreet_worker;
RESET ROLE;

-- functions/queue/defer.sql
SET ROLE discreet_gate;

-- One waiting job for each key, whose run takes all that waits there. Whoever calls this holds the
-- row lock of the session, and so does the job while it looks for work: what is stored while a job
-- starts is either seen by it, or finds it started and defers another. What is urgent doesn't wait
-- for the time that something else was put off to.
CREATE OR REPLACE FUNCTION gate.defer(
  queue text, task text, key text, args jsonb, at timestamptz, urgent boolean)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = queue, pg_temp AS $$
BEGIN
  PERFORM 1 FROM procrastinate_jobs WHERE queueing_lock = key AND status = 'todo';
  IF NOT FOUND THEN
    PERFORM procrastinate_defer_jobs_v1(ARRAY[ROW(
      queue, task, CASE WHEN urgent THEN 10 ELSE 0 END, key, key, args, at
    )::procrastinate_job_to_defer_v1]);
  ELSIF urgent THEN
    UPDATE procrastinate_jobs SET scheduled_at = at, priority = 10
     WHERE queueing_lock = key AND status = 'todo'
       AND scheduled_at > coalesce(at, clock_timestamp());
  END IF;
END $$;

CREATE OR REPLACE FUNCTION gate.defer_turn(session uuid, at timestamptz, urgent boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  agent uuid := (SELECT s.agent_id FROM discreet.sessions s WHERE s.id = session);
BEGIN
  -- Each agent has a queue of its own. Everybody can listen to a queue whose name they know, so the name
  -- is a digest that only the gate can make.
  PERFORM gate.defer('turns-' || left(encode(gate.digest_of('agent ' || agent), 'hex'), 12),
                     'run_turn', 'turn:' || session,
                     jsonb_build_object('session_id', session), at, urgent);
END $$;

CREATE OR REPLACE FUNCTION gate.defer_delivery(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  platform text;
BEGIN
  SELECT c.platform INTO STRICT platform
    FROM discreet.routes r JOIN discreet.channels c ON c.id = r.channel_id WHERE r.id = route;
  PERFORM gate.defer('deliveries-' || platform, 'deliver', 'deliver:' || route,
                     jsonb_build_object('route_id', route), at, platform = 'terminal');
END $$;

REVOKE ALL ON FUNCTION gate.defer, gate.defer_turn, gate.defer_delivery FROM PUBLIC;
RESET ROLE;

-- functions/queue/notify.sql
-- Whoever waits at a terminal or for a REST call is told that it is time to look: when the answer is saved or
-- sent, when an attempt failed, and when more of a draft is there. Everybody who logs in can listen, so
-- what is said is a digest of the message's own id: it tells neither whose it is nor that two belong
-- together. discreet/queue/wakes.py makes the same.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.tell_waiting(message uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT pg_notify('discreet_answers',
                   left(encode(sha256(convert_to(message::text, 'UTF8')), 'hex'), 16))
$$;

CREATE OR REPLACE FUNCTION gate.tell_of_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM discreet.channels c
              WHERE c.id = NEW.channel_id AND c.platform = 'terminal') THEN
    PERFORM gate.tell_waiting(NEW.id);
  END IF;
  RETURN NULL;
END $$;

-- Only at terminals does somebody look; a platform is sent its answers.
CREATE OR REPLACE FUNCTION gate.tell_of_turn(turn uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT gate.tell_waiting(m.id) FROM discreet.messages m
    JOIN discreet.channels c ON c.id = m.channel_id AND c.platform = 'terminal'
   WHERE m.turn_id = turn AND m.direction = 'in'
$$;

CREATE OR REPLACE FUNCTION gate.tell_of_draft() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.tell_of_turn(NEW.turn_id);
  RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION gate.tell_of_delivery() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.tell_of_turn(
    (SELECT m.turn_id FROM discreet.messages m WHERE m.id = NEW.message_id));
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.tell_waiting, gate.tell_of_state, gate.tell_of_turn,
  gate.tell_of_draft, gate.tell_of_delivery FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.tell_of_state, gate.tell_of_draft, gate.tell_of_delivery
  TO discreet_schema;
RESET ROLE;

-- functions/queue/outbox.sql
SET ROLE discreet_gate;

-- What is put into the outbox is delivered; nobody has to think of it.
CREATE OR REPLACE FUNCTION gate.deliver_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.defer_delivery(NEW.route_id, NULL);
  RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION gate.deliver_outbox FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.deliver_outbox TO discreet_schema;
RESET ROLE;

-- functions/queue/stop_turn.sql
SET ROLE discreet_gate;

-- Ends the turn of a session and drops what waits there: it was said, and isn't answered any more.
CREATE OR REPLACE FUNCTION gate.stop_turn(session uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = session AND t.state = 'running';
  DELETE FROM discreet.drafts d USING discreet.sessions s
   WHERE s.id = session AND d.turn_id = s.current_turn;
  UPDATE discreet.sessions s SET current_turn = NULL WHERE s.id = session;
  UPDATE discreet.messages m SET state = 'context'
   WHERE m.session_id = session AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
END $$;

REVOKE ALL ON FUNCTION gate.stop_turn FROM PUBLIC;
RESET ROLE;

-- functions/queue/takeover.sql
-- The owner answers a contact in person; the agent is silent there until it is handed back.
SET ROLE discreet_gate;

-- What the owner says to a contact whom they have taken over: it goes where the contact wrote last,
-- and answers everything that waits in that conversation. Null: it isn't taken over, or has written nothing.
CREATE OR REPLACE FUNCTION gate.speak_in_person(contact uuid, body text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  owner  uuid := gate.require_owner();
  last   discreet.messages;
  here   discreet.sessions;
  spoken uuid;
  result uuid;
BEGIN
  PERFORM 1 FROM discreet.contacts c
    WHERE c.id = contact AND c.owner_id = owner AND c.taken_over_at IS NOT NULL;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  SELECT m.* INTO last FROM discreet.messages m
   WHERE m.owner_id = owner AND m.contact_id = contact AND m.direction = 'in'
   ORDER BY m.created_at DESC, m.position DESC LIMIT 1;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE discreet.sessions s
     SET last_position = s.last_position + 1, last_message_at = clock_timestamp(), current_turn = NULL
   WHERE s.id = last.session_id RETURNING s.* INTO here;
  UPDATE discreet.turns t SET state = 'stopped', finished_at = clock_timestamp()
   WHERE t.session_id = here.id AND t.state = 'running';
  INSERT INTO discreet.turns (
    owner_id, agent_id, contact_id, session_id, route_id, state, model, finished_at)
  VALUES (owner, here.agent_id, contact, here.id, last.route_id, 'answered', 'in person',
          clock_timestamp())
  RETURNING id INTO spoken;
  UPDATE discreet.messages m SET state = 'answered', turn_id = spoken
   WHERE m.session_id = here.id AND m.direction = 'in' AND m.state IN ('waiting', 'taken');
  INSERT INTO discreet.messages (
    owner_id, agent_id, contact_id, session_id, route_id, position, direction, state, text, turn_id,
    in_person)
  VALUES (owner, here.agent_id, contact, here.id, last.route_id, here.last_position, 'out', 'sent',
          body, spoken, true)
  RETURNING id INTO result;
  INSERT INTO discreet.outbox (message_id, owner_id, agent_id, contact_id, session_id, route_id)
  VALUES (result, owner, here.agent_id, contact, here.id, last.route_id);
  RETURN result;
END $$;

REVOKE ALL ON FUNCTION gate.speak_in_person FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.speak_in_person TO discreet_owner;
RESET ROLE;

-- functions/queue/wake.sql
SET ROLE discreet_gate;

-- In its own scope a session can be woken: what waits there will be looked at, at that time.
CREATE OR REPLACE FUNCTION gate.wake_session(session uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  PERFORM gate.defer_turn(session, at, false);
END $$;

CREATE OR REPLACE FUNCTION gate.wake_route(route uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session((SELECT r.session_id FROM discreet.routes r WHERE r.id = route));
  PERFORM gate.defer_delivery(route, at);
END $$;

-- The row lock of a session of this scope; another's session is no session.
CREATE OR REPLACE FUNCTION gate.lock_session(session uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  here gate.scope := gate.scope();
BEGIN
  PERFORM gate.require_owner();
  PERFORM 1 FROM discreet.sessions s
    WHERE s.id = session AND s.owner_id = here.owner_id
      AND (session_user = 'discreet_owner'
           OR (s.agent_id = here.agent_id AND s.contact_id IS NOT DISTINCT FROM here.contact_id
               AND s.shared = (session_user = 'discreet_shared')))
    FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no_such_session' USING ERRCODE = 'DS001';
  END IF;
END $$;

-- What waits although nobody was told to look at it (a worker died, a job failed): looked at again.
-- A session that is withheld is left in peace; whoever ends that wakes it.
CREATE OR REPLACE FUNCTION gate.wake_stranded() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  stranded record;
  woken    integer := 0;
BEGIN
  FOR stranded IN
    SELECT w.session_id
      FROM (SELECT DISTINCT m.session_id FROM discreet.messages m
             WHERE m.state IN ('waiting', 'taken')) w
     WHERE gate.why_withheld(w.session_id) IS NULL
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'turn:' || w.session_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_turn(stranded.session_id, NULL, false);
    woken := woken + 1;
  END LOOP;
  FOR stranded IN
    SELECT DISTINCT o.route_id, o.session_id FROM discreet.outbox o
     WHERE o.state IN ('pending', 'sending')
       AND NOT EXISTS (SELECT 1 FROM queue.procrastinate_jobs j
                        WHERE j.lock = 'deliver:' || o.route_id AND j.status IN ('todo', 'doing'))
  LOOP
    PERFORM 1 FROM discreet.sessions s WHERE s.id = stranded.session_id FOR UPDATE;
    PERFORM gate.defer_delivery(stranded.route_id, NULL);
    woken := woken + 1;
  END LOOP;
  RETURN woken;
END $$;

REVOKE ALL ON FUNCTION gate.wake_session, gate.wake_route, gate.lock_session, gate.wake_stranded
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.wake_session, gate.wake_route
  TO discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.wake_stranded TO discreet_worker;
RESET ROLE;

-- functions/queue/withheld.sql
-- Who is not answered by the agent: contacts that the owner has blocked or talks to in person, and
-- everybody while an agent pauses.
SET ROLE discreet_gate;

-- Why no turn may run or be saved in a session now: 'paused', 'blocked', 'taken over', or null.
CREATE OR REPLACE FUNCTION gate.why_withheld(session uuid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN a.paused_at IS NOT NULL THEN 'paused'
              WHEN c.blocked_at IS NOT NULL THEN 'blocked'
              WHEN c.taken_over_at IS NOT NULL THEN 'taken over' END
    FROM discreet.sessions s
    JOIN discreet.agents a ON a.id = s.agent_id
    LEFT JOIN discreet.contacts c ON c.id = s.contact_id
   WHERE s.id = session
$$;

-- Whether this scope's session has to wait; the scope isn't told why. Another's session is no session.
CREATE OR REPLACE FUNCTION gate.is_withheld(session uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM gate.lock_session(session);
  RETURN gate.why_withheld(session) IS NOT NULL;
END $$;

REVOKE ALL ON FUNCTION gate.why_withheld, gate.is_withheld FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.is_withheld TO discreet_contact, discreet_shared, discreet_owner;
RESET ROLE;

-- functions/scope/configure.sql
SET ROLE discreet_gate;

-- What is not named stays as it is.
CREATE OR REPLACE FUNCTION gate.configure(numbers jsonb, texts jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  before gate.policy;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: configure', 0));
  DELETE FROM gate.policy p RETURNING p.* INTO before;
  before.one := true;
  INSERT INTO gate.policy SELECT (jsonb_populate_record(before, numbers)).*;
  INSERT INTO gate.notices (code, text) SELECT t.key, t.value FROM jsonb_each_text(texts) t
  ON CONFLICT (code) DO UPDATE SET text = excluded.text WHERE notices.text <> excluded.text;
END $$;

REVOKE ALL ON FUNCTION gate.configure FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.configure TO discreet_worker;
RESET ROLE;

-- functions/scope/due_work.sql
-- What the worker needs to find due work: ids, never a text or a name. With them it opens the scope
-- that the work belongs to.
SET ROLE discreet_gate;

CREATE OR REPLACE FUNCTION gate.session_scope(session uuid)
RETURNS TABLE (owner_id uuid, agent_id uuid, contact_id uuid, shared boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.owner_id, s.agent_id, s.contact_id, s.shared FROM discreet.sessions s
   WHERE s.id = session
$$;

CREATE OR REPLACE FUNCTION gate.route_scope(route uuid)
RETURNS TABLE (owner_id uuid, agent_id uuid, contact_id uuid, shared boolean, platform text,
               account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.owner_id, r.agent_id, r.contact_id, r.shared, c.platform, c.account
    FROM discreet.routes r
    JOIN discreet.channels c ON c.id = r.channel_id
   WHERE r.id = route
$$;

CREATE OR REPLACE FUNCTION gate.owners() RETURNS TABLE (owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT o.id FROM discreet.owners o ORDER BY o.created_at, o.id
$$;

-- The installation's first owner, made once however many ask for it at the same moment.
CREATE OR REPLACE FUNCTION gate.find_or_create_first_owner(owner_name text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  result uuid;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('discreet: first owner', 0));
  SELECT o.id INTO result FROM discreet.owners o ORDER BY o.created_at, o.id LIMIT 1;
  IF NOT FOUND THEN
    INSERT INTO discreet.owners (name) VALUES (owner_name) RETURNING id INTO result;
  END IF;
  RETURN result;
END $$;

CREATE OR REPLACE FUNCTION gate.due_quarantined() RETURNS TABLE (id uuid, owner_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT q.id, q.owner_id FROM discreet.quarantine q
   WHERE q.released_at IS NULL AND q.next_try_at <= clock_timestamp()
   ORDER BY q.next_try_at LIMIT 100
$$;

-- The channels that a serving process keeps up: ids and accounts, and when their secret was given.
CREATE OR REPLACE FUNCTION gate.open_channels()
RETURNS TABLE (id uuid, owner_id uuid, platform text, account text, secret_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.id, c.owner_id, c.platform, c.account, s.changed_at
    FROM discreet.channels c
    LEFT JOIN discreet.channel_secrets s USING (owner_id, platform, account)
   WHERE c.closed_at IS NULL AND c.platform <> 'terminal' AND c.parent_id IS NULL
   ORDER BY c.created_at, c.id
$$;

REVOKE ALL ON FUNCTION gate.session_scope, gate.route_scope, gate.owners,
  gate.find_or_create_first_owner, gate.due_quarantined, gate.open_channels FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.session_scope, gate.route_scope, gate.owners,
  gate.find_or_create_first_owner, gate.due_quarantined, gate.open_channels TO discreet_worker;
RESET ROLE;

-- functions/scope/scope.sql
SET ROLE discreet_gate;

-- The scope of this transaction. A ticket that is missing, forged, cut, extended, made for another role
-- or connection, or older than the transaction by more than 30 seconds: all null, which matches no row.
-- It never raises: a policy that can fail would tell, by failing or not, what it was evaluated for.
-- plpgsql, because its plan is kept; an SQL function is planned anew at every call.
CREATE OR REPLACE FUNCTION gate.scope() RETURNS gate.scope
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  ticket text := pg_catalog.current_setting('discreet.ticket', true);
  said   text;
  keys   gate.secrets;
  result gate.scope;
BEGIN
  IF ticket IS NULL OR ticket OPERATOR(pg_catalog.=) '' THEN
    RETURN result;
  END IF;
  said := pg_catalog.split_part(ticket, '#', 1);
  SELECT * INTO STRICT keys FROM gate.secrets;
  IF ticket OPERATOR(pg_catalog.<>) (said OPERATOR(pg_catalog.||) '#' OPERATOR(pg_catalog.||)
       pg_catalog.encode(
         pg_catalog.sha256(keys.outer_pad OPERATOR(pg_catalog.||) pg_catalog.sha256(
           keys.inner_pad OPERATOR(pg_catalog.||) pg_catalog.convert_to(
             session_user::text OPERATOR(pg_catalog.||) '|' OPERATOR(pg_catalog.||) said, 'UTF8'))),
         'hex')) THEN
    RETURN result;
  END IF;
  IF pg_catalog.split_part(said, '/', 4) OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()::text THEN
    RETURN result;
  END IF;
  -- The transaction's moment, not now: a long export keeps its scope.
  IF pg_catalog.transaction_timestamp() OPERATOR(pg_catalog.-)
       pg_catalog.to_timestamp(
         pg_catalog.split_part(said, '/', 5)::float8 OPERATOR(pg_catalog./) 1000::float8)
     NOT BETWEEN '-30 seconds'::interval AND '30 seconds'::interval THEN
    RETURN result;
  END IF;
  result.known      := true;
  result.owner_id   := nullif(pg_catalog.split_part(said, '/', 1), '')::uuid;
  result.agent_id   := nullif(pg_catalog.split_part(said, '/', 2), '')::uuid;
  result.contact_id := nullif(pg_catalog.split_part(said, '/', 3), '')::uuid;
  result.party      := coalesce(
    result.contact_id,
    CASE WHEN session_user OPERATOR(pg_catalog.=) 'discreet_shared' THEN result.agent_id
         ELSE result.owner_id END);
  RETURN result;
END $$;

-- One short text for one or several ids: whose a row is, in a single column (owner_key, scope_key).
CREATE OR REPLACE FUNCTION gate.key_of(ids bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT pg_catalog.encode(pg_catalog.substring(pg_catalog.sha256(ids), 1, 18), 'base64')
$$;

-- The keys of all rows that this transaction may see, as the keys of an object; null where it may see
-- none. `owner_key` of its owner, `scope_key` of its party, its agent, and its contact.
CREATE OR REPLACE FUNCTION gate.keys() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED AS $$
DECLARE
  here  gate.scope := gate.scope();
  owner bytea := pg_catalog.uuid_send(here.owner_id);
  agent bytea := pg_catalog.uuid_send(here.agent_id);
  party bytea := pg_catalog.uuid_send(here.party);
BEGIN
  IF owner IS NULL THEN
    RETURN NULL;
  ELSIF session_user OPERATOR(pg_catalog.=) 'discreet_owner' THEN
    RETURN pg_catalog.jsonb_build_object(gate.key_of(owner), 1);
  ELSIF agent IS NULL THEN
    RETURN NULL;
  END IF;
  RETURN pg_catalog.jsonb_build_object(
    gate.key_of(owner OPERATOR(pg_catalog.||) agent OPERATOR(pg_catalog.||) party), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) agent), 1,
    gate.key_of(owner OPERATOR(pg_catalog.||) party), 1);
END $$;

-- Sets the ticket for this transaction, and refuses one that doesn't hold. The database's clock comes
-- back, in seconds since 1970, for the next ticket.
CREATE OR REPLACE FUNCTION gate.open_scope(ticket text) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM pg_catalog.set_config('discreet.ticket', ticket, true);
  IF (gate.scope()).known IS NOT TRUE THEN
    RAISE EXCEPTION 'invalid_ticket' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN extract(epoch FROM pg_catalog.clock_timestamp());
END $$;

-- For functions that act as discreet_gate: the owner of this transaction, or an error.
CREATE OR REPLACE FUNCTION gate.require_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER AS $$
DECLARE
  owner uuid := (gate.scope()).owner_id;
BEGIN
  IF owner IS NULL THEN
    RAISE EXCEPTION 'no_scope' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN owner;
END $$;

-- Takes the ticket along with the call, so that storing a message is one statement and one round trip.
CREATE OR REPLACE FUNCTION gate.enter(ticket text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('discreet.ticket', ticket, true);
  RETURN gate.require_owner();
END $$;

REVOKE ALL ON FUNCTION gate.scope, gate.key_of, gate.keys, gate.open_scope, gate.require_owner,
  gate.enter FROM PUBLIC;
GRANT EXECUTE ON FUNCTION gate.scope
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner, discreet_intake, discreet_worker;
GRANT EXECUTE ON FUNCTION gate.key_of, gate.keys
  TO discreet_schema, discreet_contact, discreet_shared, discreet_owner;
GRANT EXECUTE ON FUNCTION gate.open_scope
  TO discreet_contact, discreet_shared, discreet_owner, discreet_worker;
RESET ROLE;

-- tables/owners.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owners TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owners TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, name, created_at, owner_key) ON discreet.owners TO discreet_owner;
GRANT SELECT, INSERT ON discreet.owners TO discreet_gate;
RESET ROLE;

-- tables/leases.sql
SET ROLE discreet_schema;
GRANT SELECT, INSERT, UPDATE, DELETE ON queue.leases TO discreet_worker;
RESET ROLE;

-- tables/queue.sql
-- The worker runs procrastinate; the gate's functions defer jobs on behalf of a scope. Nobody else
-- has any right here: a queue table tells who exists and when they write.
SET ROLE discreet_schema;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA queue FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA queue TO discreet_worker, discreet_gate;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA queue TO discreet_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA queue TO discreet_worker, discreet_gate;
GRANT SELECT, INSERT, DELETE, UPDATE (scheduled_at, priority)
  ON queue.procrastinate_jobs TO discreet_gate;
GRANT SELECT, INSERT ON queue.procrastinate_events TO discreet_gate;
GRANT SELECT, UPDATE (job_id) ON queue.procrastinate_periodic_defers TO discreet_gate;
RESET ROLE;

-- tables/agents.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.agents TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.agents TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.agents TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.agents TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER shared_and_open AFTER UPDATE OF memory_model ON discreet.agents
  FOR EACH ROW EXECUTE FUNCTION gate.refuse_shared_and_open();
GRANT SELECT (id, name, role, instructions, model, memory_model)
  ON discreet.agents
  TO discreet_contact, discreet_shared;
GRANT SELECT (xmin, id, owner_id, name, role, instructions, model, memory_model, created_at,
              updated_at, owner_key, scope_key, paused_at),
      INSERT (name, role, instructions, model, memory_model),
      UPDATE (name, role, instructions, model, memory_model, updated_at, paused_at)
  ON discreet.agents
  TO discreet_owner;
GRANT SELECT ON discreet.agents TO discreet_gate;
RESET ROLE;

-- tables/channel_secrets.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.channel_secrets TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.channel_secrets FOR SELECT TO discreet_gate
  USING (
    owner_key IS NOT NULL);
GRANT SELECT (owner_id, platform, account, sealed, changed_at, owner_key),
      INSERT (platform, account, sealed),
      UPDATE (sealed, changed_at),
      DELETE
  ON discreet.channel_secrets
  TO discreet_owner;
GRANT SELECT (owner_id, platform, account, changed_at)
  ON discreet.channel_secrets
  TO discreet_gate;
RESET ROLE;

-- tables/contacts.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.contacts TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, id) = (SELECT s.owner_id, s.party FROM gate.scope() s))
  WITH CHECK (
    (owner_id, id) = (SELECT s.owner_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.contacts TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.contacts TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER tell_of_access AFTER UPDATE OF blocked_at, merged_into ON discreet.contacts
  FOR EACH ROW WHEN ((NEW.blocked_at IS DISTINCT FROM OLD.blocked_at) OR (NEW.merged_into IS DISTINCT FROM OLD.merged_into))
  EXECUTE FUNCTION gate.tell_of_access();
CREATE TRIGGER tell_of_erasure AFTER DELETE ON discreet.contacts FOR EACH STATEMENT
  EXECUTE FUNCTION gate.tell_of_access();
GRANT SELECT (id, owner_id, type, name, created_at) ON discreet.contacts TO discreet_contact;
GRANT SELECT (xmin, id, owner_id, type, name, aliases, note, created_at, owner_key, scope_key,
              blocked_at, taken_over_at, merged_into),
      UPDATE (name, aliases, note, blocked_at, taken_over_at)
  ON discreet.contacts
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.contacts TO discreet_gate;
RESET ROLE;

-- tables/erased_addresses.sql
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.erased_addresses TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.erased_addresses TO discreet_gate;
RESET ROLE;

-- tables/erasures.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.erasures TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.erasures TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, counts, erased_at, owner_key) ON discreet.erasures TO discreet_owner;
GRANT SELECT, INSERT ON discreet.erasures TO discreet_gate;
RESET ROLE;

-- tables/owner_links.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owner_links TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_links TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, platform, used_by, used_at, expires_at, created_at)
  ON discreet.owner_links
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.owner_links TO discreet_gate;
RESET ROLE;

-- tables/owner_term_stats.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.owner_term_stats TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.owner_term_stats TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (owner_id, word, document_frequency, owner_key) ON discreet.owner_term_stats TO discreet_owner;
GRANT SELECT, INSERT, DELETE ON discreet.owner_term_stats TO discreet_gate;
RESET ROLE;

-- tables/channels.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.channels TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.channels TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER shared_and_open AFTER INSERT OR UPDATE OF admission, agent_id ON discreet.channels
  FOR EACH ROW EXECUTE FUNCTION gate.refuse_shared_and_open();
GRANT SELECT (id, owner_id, agent_id, platform, account, created_at, owner_key, name, closed_at,
              parent_id, only_chat, admission, debounce, received_through, last_error),
      INSERT (agent_id, platform, account, name, parent_id, only_chat, admission),
      UPDATE (name, closed_at, admission, debounce)
  ON discreet.channels
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (only_chat, received_through, last_error)
  ON discreet.channels
  TO discreet_gate;
RESET ROLE;

-- tables/passages.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.passages TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.passages TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id) = (SELECT s.owner_id, s.agent_id FROM gate.scope() s));
CREATE POLICY owner ON discreet.passages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
GRANT SELECT (id, owner_id, agent_id, title, position, content, terms, tokens, embedder,
              embedding, created_at)
  ON discreet.passages
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, title, position, content, terms, tokens, embedder,
              embedding, created_at, owner_key, scope_key),
      INSERT (agent_id, title, position, content, terms, tokens, embedder, embedding),
      UPDATE (terms, tokens, embedder, embedding),
      DELETE
  ON discreet.passages
  TO discreet_owner;
RESET ROLE;

-- tables/addresses.sql
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
GRANT SELECT (owner_id, platform, platform_id, contact_id, of_owner, created_at)
  ON discreet.addresses
  TO discreet_contact;
GRANT SELECT (owner_id, platform, platform_id, contact_id, of_owner, created_at, owner_key,
              scope_key)
  ON discreet.addresses
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.addresses TO discreet_gate;
RESET ROLE;

-- tables/limit_hits.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.limit_hits TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.limit_hits TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (agent_id, contact_id, kind, owner_id, refused, since, until, owner_key),
      DELETE
  ON discreet.limit_hits
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.limit_hits TO discreet_gate;
RESET ROLE;

-- tables/limits.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.limits TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.limits TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, contact_id, messages_a_minute, waiting, tokens_a_day, owner_key),
      INSERT (contact_id, messages_a_minute, waiting, tokens_a_day),
      UPDATE (messages_a_minute, waiting, tokens_a_day),
      DELETE
  ON discreet.limits
  TO discreet_owner;
GRANT SELECT, DELETE ON discreet.limits TO discreet_gate;
RESET ROLE;

-- tables/link_requests.sql
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.link_requests TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.link_requests TO discreet_gate;
RESET ROLE;

-- tables/links.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.links TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.links TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, survivor_id, merged_id, proof, linked_at, undone_at, owner_key)
  ON discreet.links
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.links TO discreet_gate;
RESET ROLE;

-- tables/memories.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.memories TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.memories TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.memories TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.memories TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER archive BEFORE DELETE OR UPDATE ON discreet.memories
  FOR EACH ROW EXECUTE FUNCTION gate.archive_memory();
CREATE TRIGGER refuse_merged BEFORE INSERT ON discreet.memories
  FOR EACH ROW WHEN (NEW.contact_id IS NOT NULL) EXECUTE FUNCTION gate.refuse_merged();
CREATE TRIGGER too_many AFTER INSERT ON discreet.memories REFERENCING NEW TABLE AS added FOR EACH STATEMENT WHEN (session_user IN ('discreet_contact', 'discreet_shared', 'discreet_owner'))
  EXECUTE FUNCTION gate.refuse_too_many_memories();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, content, digest, summary,
              topic_key, topics, salience, source, metadata, expires_at, version, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, used_at),
      INSERT (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              version, terms, tokens, embedder, embedding, turn_id, updated_at, used_at),
      DELETE
  ON discreet.memories
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, content, digest, summary,
              topic_key, topics, salience, source, metadata, expires_at, version, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, scope_key,
              owner_key, used_at),
      INSERT (agent_id, content, summary, topic_key, topics, salience, source, metadata,
              expires_at, terms, tokens, embedder, embedding, turn_id),
      UPDATE (content, summary, topic_key, topics, salience, source, metadata, expires_at,
              version, terms, tokens, embedder, embedding, turn_id, updated_at, used_at),
      DELETE
  ON discreet.memories
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.memories TO discreet_gate;
RESET ROLE;

-- tables/memory_history.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.memory_history TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.memory_history TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.memory_history TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.memory_history TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (memory_id, version, owner_id, agent_id, contact_id, shared, party, content,
              summary, topic_key, topics, salience, source, metadata, expires_at, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, change,
              archived_at)
  ON discreet.memory_history
  TO discreet_contact, discreet_shared;
GRANT SELECT (memory_id, version, owner_id, agent_id, contact_id, shared, party, content,
              summary, topic_key, topics, salience, source, metadata, expires_at, terms,
              tokens, embedder, embedding, turn_id, created_at, updated_at, change,
              archived_at, scope_key, owner_key)
  ON discreet.memory_history
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id), DELETE ON discreet.memory_history TO discreet_gate;
RESET ROLE;

-- tables/sessions.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.sessions TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.sessions TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.sessions TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.sessions TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER refuse_merged BEFORE INSERT ON discreet.sessions
  FOR EACH ROW WHEN (NEW.contact_id IS NOT NULL) EXECUTE FUNCTION gate.refuse_merged();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, thread_key, last_position,
              last_message_at, current_turn, created_at, ended_at, compacted_to,
              summary_id),
      UPDATE (last_position, last_message_at, current_turn, ended_at, compacted_to, summary_id)
  ON discreet.sessions
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, thread_key, last_position,
              last_message_at, current_turn, created_at, ended_at, scope_key, owner_key,
              compacted_to, summary_id),
      UPDATE (last_position, last_message_at, current_turn, ended_at, compacted_to, summary_id)
  ON discreet.sessions
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.sessions TO discreet_gate;
RESET ROLE;

-- tables/tokens.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.tokens TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.tokens TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER tell_of_access AFTER DELETE OR UPDATE OF revoked_at ON discreet.tokens FOR EACH STATEMENT
  EXECUTE FUNCTION gate.tell_of_access();
GRANT SELECT (id, owner_id, agent_id, contact_id, name, prefix, created_at, expires_at,
              revoked_at, last_used_at),
      INSERT (agent_id, contact_id, name, prefix, digest, expires_at),
      UPDATE (revoked_at)
  ON discreet.tokens
  TO discreet_owner;
GRANT SELECT, UPDATE (last_used_at), DELETE ON discreet.tokens TO discreet_gate;
RESET ROLE;

-- tables/wrong_codes.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.wrong_codes TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.wrong_codes TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, sender, tried_at, owner_key, contact_id)
  ON discreet.wrong_codes
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.wrong_codes TO discreet_gate;
RESET ROLE;

-- tables/admissions.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.admissions TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.admissions TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (channel_id, contact_id, owner_id, agent_id, created_at, owner_key),
      DELETE
  ON discreet.admissions
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.admissions TO discreet_gate;
RESET ROLE;

-- tables/early_receipts.sql
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.early_receipts TO discreet_gate USING (true);
GRANT SELECT, INSERT, DELETE ON discreet.early_receipts TO discreet_gate;
RESET ROLE;

-- tables/pairings.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.pairings TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.pairings TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, channel_id, contact_id, state, issued_at, expires_at,
              created_at)
  ON discreet.pairings
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.pairings TO discreet_gate;
RESET ROLE;

-- tables/quarantine.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.quarantine TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.quarantine TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, channel_id, dedupe_key, inbound, reason, attempts, next_try_at,
              created_at, released_at, owner_key)
  ON discreet.quarantine
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.quarantine TO discreet_gate;
RESET ROLE;

-- tables/linked_rows.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.linked_rows TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.linked_rows TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (link_id, owner_id, kind, key, was, owner_key)
  ON discreet.linked_rows
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.linked_rows TO discreet_gate;
RESET ROLE;

-- tables/routes.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.routes TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.routes TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.routes TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.routes TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, channel_id,
              chat_id, thread_id, draft_message, draft_at),
      UPDATE (draft_message, draft_at)
  ON discreet.routes
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, channel_id,
              chat_id, thread_id, scope_key, owner_key, draft_message, draft_at),
      UPDATE (draft_message, draft_at)
  ON discreet.routes
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id), DELETE ON discreet.routes TO discreet_gate;
RESET ROLE;

-- tables/idempotency_keys.sql
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.idempotency_keys TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.idempotency_keys TO discreet_gate;
RESET ROLE;

-- tables/mcp_sessions.sql
SET ROLE discreet_schema;
CREATE POLICY gate ON discreet.mcp_sessions TO discreet_gate USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.mcp_sessions TO discreet_gate;
RESET ROLE;

-- tables/held_messages.sql
SET ROLE discreet_schema;
CREATE POLICY owner ON discreet.held_messages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.held_messages TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (channel_id, chat_id, platform_message, owner_id, pairing_id, arrived, created_at,
              owner_key)
  ON discreet.held_messages
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.held_messages TO discreet_gate;
RESET ROLE;

-- tables/turns.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.turns TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.turns TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.turns TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.turns TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, state,
              attempt, model, error, started_at, finished_at),
      INSERT (session_id, route_id, attempt, model),
      UPDATE (state, model, prompt, steps, usage, error, finished_at)
  ON discreet.turns
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, state,
              attempt, model, prompt, steps, usage, error, started_at, finished_at,
              scope_key, owner_key),
      INSERT (session_id, route_id, attempt, model),
      UPDATE (state, model, prompt, steps, usage, error, finished_at)
  ON discreet.turns
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (contact_id, state, prompt, steps, error, finished_at),
      DELETE
  ON discreet.turns
  TO discreet_gate;
RESET ROLE;

-- tables/drafts.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.drafts TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.drafts TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.drafts TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.drafts TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER tell_waiting AFTER INSERT OR UPDATE ON discreet.drafts
  FOR EACH ROW EXECUTE FUNCTION gate.tell_of_draft();
GRANT SELECT (turn_id, owner_id, agent_id, contact_id, shared, party, text),
      INSERT (turn_id, text),
      UPDATE (text),
      DELETE
  ON discreet.drafts
  TO discreet_contact, discreet_shared;
GRANT SELECT (turn_id, owner_id, agent_id, contact_id, shared, party, text, scope_key, owner_key),
      INSERT (turn_id, text),
      UPDATE (text),
      DELETE
  ON discreet.drafts
  TO discreet_owner;
GRANT SELECT, DELETE ON discreet.drafts TO discreet_gate;
RESET ROLE;

-- tables/messages.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.messages TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.messages TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.messages TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.messages TO discreet_gate USING (owner_key IS NOT NULL);
-- What the gate itself says to somebody replies to lines that are kept nowhere.
CREATE TRIGGER reply_to_what_was_said BEFORE INSERT ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'out'
    AND NEW.reply_to IS NOT NULL
    AND session_user IN ('discreet_contact', 'discreet_shared', 'discreet_owner'))
  EXECUTE FUNCTION gate.reply_to_what_was_said();
CREATE TRIGGER tell_waiting AFTER UPDATE OF state ON discreet.messages
  FOR EACH ROW WHEN (NEW.direction = 'in'
    AND OLD.state IN ('waiting', 'taken')
    AND NEW.state <> 'taken'
    AND NEW.state <> OLD.state)
  EXECUTE FUNCTION gate.tell_of_state();
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, position,
              direction, state, text, sender_contact_id, sender_address, sender_name,
              channel_id, chat_id, platform_message_id, reply_to, turn_id, attempts,
              not_before, terms, tokens, embedder, embedding, sent_at, created_at, album,
              command, in_person),
      INSERT (session_id, route_id, position, direction, state, text, reply_to, turn_id, terms,
              tokens, embedder, embedding, command),
      UPDATE (state, turn_id, attempts, not_before, terms, tokens, embedder, embedding)
  ON discreet.messages
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id, position,
              direction, state, text, sender_contact_id, sender_address, sender_name,
              channel_id, chat_id, platform_message_id, reply_to, turn_id, attempts,
              not_before, terms, tokens, embedder, embedding, sent_at, created_at,
              scope_key, owner_key, album, command, in_person),
      INSERT (session_id, route_id, position, direction, state, text, reply_to, turn_id, terms,
              tokens, embedder, embedding, command),
      UPDATE (state, turn_id, attempts, not_before, terms, tokens, embedder, embedding)
  ON discreet.messages
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON discreet.messages TO discreet_gate;
RESET ROLE;

-- tables/attachments.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.attachments TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.attachments TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.attachments TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
CREATE POLICY gate ON discreet.attachments TO discreet_gate USING (owner_key IS NOT NULL);
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              message_id, position, kind, platform_file, name, media_type, size,
              channel_id, chat_id, platform_message_id, state, refusal, content,
              created_at),
      UPDATE (media_type, size, state, refusal, content)
  ON discreet.attachments
  TO discreet_contact, discreet_shared;
GRANT SELECT (id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              message_id, position, kind, platform_file, name, media_type, size,
              channel_id, chat_id, platform_message_id, state, refusal, content,
              created_at, scope_key, owner_key),
      UPDATE (media_type, size, state, refusal, content)
  ON discreet.attachments
  TO discreet_owner;
GRANT SELECT, INSERT, UPDATE (contact_id), DELETE ON discreet.attachments TO discreet_gate;
RESET ROLE;

-- tables/outbox.sql
SET ROLE discreet_schema;
CREATE POLICY contact ON discreet.outbox TO discreet_contact
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s))
  WITH CHECK (
    (owner_id, agent_id, party, contact_id)
      = (SELECT s.owner_id, s.agent_id, s.party, s.contact_id FROM gate.scope() s));
CREATE POLICY shared ON discreet.outbox TO discreet_shared
  USING (
    (SELECT gate.keys())[scope_key] IS NOT NULL
    AND contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s))
  WITH CHECK (
    contact_id IS NULL AND (owner_id, agent_id, party)
      = (SELECT s.owner_id, s.agent_id, s.party FROM gate.scope() s));
CREATE POLICY owner ON discreet.outbox TO discreet_owner
  USING (
    (SELECT gate.keys())[owner_key] IS NOT NULL AND owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s))
  WITH CHECK (
    owner_key IS NOT NULL
    AND owner_id = (SELECT s.owner_id FROM gate.scope() s));
-- Any condition here would keep the gate from indexes whose operators aren't leakproof.
CREATE POLICY gate ON discreet.outbox TO discreet_gate USING (owner_key IS NOT NULL);
CREATE TRIGGER deliver AFTER INSERT ON discreet.outbox
  FOR EACH ROW EXECUTE FUNCTION gate.deliver_outbox();
CREATE TRIGGER early_receipts AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent' AND OLD.state <> 'sent')
  EXECUTE FUNCTION gate.apply_early_receipts();
CREATE TRIGGER tell_waiting AFTER UPDATE OF state ON discreet.outbox
  FOR EACH ROW WHEN (NEW.state = 'sent') EXECUTE FUNCTION gate.tell_of_delivery();
GRANT SELECT (message_id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              state, attempts, next_try_at, error, platform_messages, created_at, sent_at,
              doubted_at, parts_sent, delivered_at, read_at),
      INSERT (message_id, session_id, route_id),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at, doubted_at,
              parts_sent)
  ON discreet.outbox
  TO discreet_contact, discreet_shared;
GRANT SELECT (message_id, owner_id, agent_id, contact_id, shared, party, session_id, route_id,
              state, attempts, next_try_at, error, platform_messages, created_at, sent_at,
              doubted_at, scope_key, owner_key, parts_sent, delivered_at, read_at),
      INSERT (message_id, session_id, route_id),
      UPDATE (state, attempts, next_try_at, error, platform_messages, sent_at, doubted_at,
              parts_sent)
  ON discreet.outbox
  TO discreet_owner;
GRANT SELECT,
      INSERT,
      UPDATE (contact_id, state, error, delivered_at, read_at),
      DELETE
  ON discreet.outbox
  TO discreet_gate;
RESET ROLE;
