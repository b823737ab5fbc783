-- The numbers that are policy. The program writes them (gate.configure) from the settings; one row.
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
  quarantine_retry_max_seconds integer NOT NULL CHECK (quarantine_retry_max_seconds > 0),
  reminders_per_contact        integer NOT NULL CHECK (reminders_per_contact > 0)
);
REVOKE ALL ON gate.policy FROM PUBLIC;
