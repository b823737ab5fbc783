-- The queue's own schema, from the package that is installed; its objects belong to discreet_schema.
SET ROLE discreet_schema;
SET LOCAL search_path = queue;
-- include: procrastinate
RESET search_path;
RESET ROLE;
