-- A turn says whether its answer goes to a terminal; functions/queue/turn.sql makes it again.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.begin_turn(uuid, integer);
