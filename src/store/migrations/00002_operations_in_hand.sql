-- Cancelling, locking and estimating; receipts of requests that must not be
-- carried out twice; and a row whose only use is to be written.

-- +goose Up
ALTER TABLE clusters ADD COLUMN deletion_lock INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clusters ADD COLUMN revision BIGINT NOT NULL DEFAULT 1;

ALTER TABLE operations ADD COLUMN plan_id TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN deletion_lock TEXT NOT NULL DEFAULT ''; -- empty: not touched
ALTER TABLE operations ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN cancel_requested_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE operations ADD COLUMN landed TEXT NOT NULL DEFAULT '';
UPDATE operations SET asked_at = updated_at WHERE state <> 'accepted' OR attempts > 0;
UPDATE operations SET plan_id = COALESCE((SELECT plan_id FROM clusters WHERE clusters.id = operations.cluster_id), '');
CREATE INDEX operations_took ON operations (action, plan_id, settled_at) WHERE state = 'succeeded';

CREATE TABLE receipts (
    id          TEXT PRIMARY KEY, -- digest of caller, route and key
    fingerprint TEXT NOT NULL,    -- digest of the request
    status      INTEGER NOT NULL,
    body        TEXT NOT NULL,
    created_at  BIGINT NOT NULL
);
CREATE INDEX receipts_age ON receipts (created_at);

CREATE TABLE health (
    id INTEGER PRIMARY KEY,
    at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE health;
DROP TABLE receipts;
DROP INDEX operations_took;
ALTER TABLE operations DROP COLUMN landed;
ALTER TABLE operations DROP COLUMN cancel_requested_at;
ALTER TABLE operations DROP COLUMN asked_at;
ALTER TABLE operations DROP COLUMN deletion_lock;
ALTER TABLE operations DROP COLUMN plan_id;
ALTER TABLE clusters DROP COLUMN revision;
ALTER TABLE clusters DROP COLUMN deletion_lock;
