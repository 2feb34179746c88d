-- Long lists ask which clusters there are and at which revision: the index answers
-- without a look at their rows, whose specs can be long. And what a cluster took
-- before an operation, for one that is cancelled without a trace.

-- +goose Up
CREATE INDEX clusters_listing ON clusters (name, id, revision);
ALTER TABLE operations ADD COLUMN previous_machines TEXT NOT NULL DEFAULT ''; -- pks.Machines

-- +goose Down
ALTER TABLE operations DROP COLUMN previous_machines;
DROP INDEX clusters_listing;
