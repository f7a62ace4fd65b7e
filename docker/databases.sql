-- Two roles, each the owner of one database and of nothing else. Passwords come from the environment, so that none
-- stands in an argument list; :'name' quotes whatever they hold. May be run again.
\set ON_ERROR_STOP on
\getenv ablate_password ABLATE_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD

SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE', name)
  FROM (VALUES ('ablate'), ('mlflow')) AS wanted (name)
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE ablate PASSWORD :'ablate_password';
ALTER ROLE mlflow PASSWORD :'mlflow_password';

SELECT format('CREATE DATABASE %I OWNER %I', name, name)
  FROM (VALUES ('ablate'), ('mlflow')) AS wanted (name)
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec
-- Whoever has a role on this server could otherwise look into either.
REVOKE ALL ON DATABASE ablate, mlflow FROM PUBLIC;
