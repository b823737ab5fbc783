-- Whether a session is withheld is asked for a turn: senders' commands are obeyed while a person answers.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.is_withheld(uuid);
DROP FUNCTION IF EXISTS gate.why_withheld(uuid);
