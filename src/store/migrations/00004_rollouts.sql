-- Upgrades of many clusters. Both SQLite and PostgreSQL run this file. Times are
-- microseconds since 1970, UTC; 0 is none.

-- +goose Up
CREATE TABLE rollouts (
    id                 TEXT PRIMARY KEY,
    by_kind            TEXT NOT NULL,
    by_origin          TEXT NOT NULL,
    by_id              TEXT NOT NULL,
    by_name            TEXT NOT NULL,
    request_id         TEXT NOT NULL,
    kubernetes_version TEXT NOT NULL,
    product_version    TEXT NOT NULL,
    max_in_flight      INTEGER NOT NULL,
    forced             INTEGER NOT NULL, -- 1: clusters at the target, too
    state              TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    started_at         BIGINT NOT NULL,
    ended_at           BIGINT NOT NULL
);
CREATE INDEX rollouts_created ON rollouts (created_at);
CREATE INDEX rollouts_unended ON rollouts (created_at) WHERE ended_at = 0;

CREATE TABLE rollout_clusters (
    rollout_id   TEXT NOT NULL REFERENCES rollouts (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL, -- order of turns, canaries first
    cluster_id   TEXT NOT NULL,    -- no foreign key: history outlives the cluster
    cluster_name TEXT NOT NULL,
    canary       INTEGER NOT NULL,
    state        TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    reason       TEXT NOT NULL,
    started_at   BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL,
    PRIMARY KEY (rollout_id, position)
);
CREATE UNIQUE INDEX rollout_clusters_once ON rollout_clusters (rollout_id, cluster_id);
CREATE INDEX rollout_clusters_turns ON rollout_clusters (rollout_id, state, position);
CREATE INDEX rollout_clusters_queued ON rollout_clusters (cluster_id) WHERE state = 'queued';

ALTER TABLE clusters ADD COLUMN rollout_id TEXT NOT NULL DEFAULT ''; -- in which it waits
ALTER TABLE operations ADD COLUMN rollout_id TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN kubernetes_version TEXT NOT NULL DEFAULT '';
ALTER TABLE operations ADD COLUMN product_version TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE operations DROP COLUMN product_version;
ALTER TABLE operations DROP COLUMN kubernetes_version;
ALTER TABLE operations DROP COLUMN rollout_id;
ALTER TABLE clusters DROP COLUMN rollout_id;
DROP TABLE rollout_clusters;
DROP TABLE rollouts;
