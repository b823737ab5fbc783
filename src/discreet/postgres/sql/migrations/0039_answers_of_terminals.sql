-- Functions that return more; functions/ makes them again: whether a turn's answer goes to a terminal, and
-- whether a sweep has found webhooks to call.
SET ROLE discreet_gate;
DROP FUNCTION IF EXISTS gate.begin_turn(uuid, integer);
DROP FUNCTION IF EXISTS gate.sweep(interval, bigint[], bigint[], bigint[], interval, integer, interval);
