-- Both SQLite and PostgreSQL run this file. Times are microseconds since 1970,
-- UTC. Documents are JSON text and not jsonb, which cannot hold every string.

-- +goose Up
CREATE TABLE clusters (
    id                 TEXT PRIMARY KEY,
    name               TEXT NOT NULL,
    host_key           TEXT NOT NULL, -- external host, lower case, addresses in one spelling
    owner_kind         TEXT NOT NULL,
    owner_origin       TEXT NOT NULL,
    owner_id           TEXT NOT NULL,
    owner_name         TEXT NOT NULL,
    plan_id            TEXT NOT NULL,
    plan_name          TEXT NOT NULL,
    spec               TEXT NOT NULL,
    master_ips         TEXT NOT NULL,
    kubernetes_version TEXT NOT NULL,
    product_version    TEXT NOT NULL,
    action             TEXT NOT NULL,
    action_state       TEXT NOT NULL,
    action_description TEXT NOT NULL,
    operation_id       TEXT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    ready_at           BIGINT NOT NULL -- 0: its creation has not succeeded
);
CREATE UNIQUE INDEX clusters_name ON clusters (name);
CREATE UNIQUE INDEX clusters_host_key ON clusters (host_key);
CREATE INDEX clusters_owner ON clusters (owner_id, owner_origin, owner_kind);

CREATE TABLE operations (
    id               TEXT PRIMARY KEY,
    cluster_id       TEXT NOT NULL, -- no foreign key: history outlives the cluster
    cluster_name     TEXT NOT NULL,
    action           TEXT NOT NULL,
    state            TEXT NOT NULL,
    spec             TEXT NOT NULL,
    previous         TEXT NOT NULL, -- empty: none
    by_kind          TEXT NOT NULL,
    by_origin        TEXT NOT NULL,
    by_id            TEXT NOT NULL,
    by_name          TEXT NOT NULL,
    request_id       TEXT NOT NULL,
    broker_operation TEXT NOT NULL,
    event_offset     BIGINT NOT NULL,
    attempts         INTEGER NOT NULL,
    faults           INTEGER NOT NULL,
    bosh_task        BIGINT NOT NULL,
    percent          INTEGER NOT NULL,
    description      TEXT NOT NULL,
    failure          TEXT NOT NULL, -- empty: none
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    settled_at       BIGINT NOT NULL, -- 0: not settled
    gone_at          BIGINT NOT NULL  -- when its cluster was removed; 0: it exists
);
-- One unsettled operation per cluster.
CREATE UNIQUE INDEX operations_unsettled ON operations (cluster_id)
    WHERE state IN ('accepted', 'submitted', 'running');
CREATE INDEX operations_cluster ON operations (cluster_id, created_at);
CREATE INDEX operations_gone ON operations (gone_at) WHERE gone_at > 0;

CREATE TABLE events (
    cluster_id   TEXT NOT NULL,
    seq          BIGINT NOT NULL,
    operation_id TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
    at           BIGINT NOT NULL,
    bosh_task    BIGINT NOT NULL,
    stage        TEXT NOT NULL,
    subject      TEXT NOT NULL,
    state        TEXT NOT NULL,
    percent      INTEGER NOT NULL,
    message      TEXT NOT NULL,
    PRIMARY KEY (cluster_id, seq)
);
CREATE INDEX events_operation ON events (operation_id);

-- +goose Down
DROP TABLE events;
DROP TABLE operations;
DROP TABLE clusters;
