-- The fixed texts that the gate sends to senders, by code. Written by the program, which has the texts.
SET ROLE discreet_gate;

CREATE TABLE gate.notices (
  code text PRIMARY KEY CHECK (code <> ''),
  text text NOT NULL CHECK (text <> '')
);
REVOKE ALL ON gate.notices FROM PUBLIC;
