-- What an audit made up is deleted with its owner.
SET ROLE discreet_schema;
GRANT DELETE ON discreet.erasures, discreet.owners TO discreet_gate;
