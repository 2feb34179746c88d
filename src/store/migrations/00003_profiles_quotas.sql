-- Named profiles, quotas, and what clusters take and use of both.

-- +goose Up
CREATE TABLE profiles (
    id           TEXT PRIMARY KEY,
    kind         TEXT NOT NULL, -- network, compute, kubernetes
    name         TEXT NOT NULL,
    description  TEXT NOT NULL,
    owner_kind   TEXT NOT NULL,
    owner_origin TEXT NOT NULL,
    owner_id     TEXT NOT NULL,
    owner_name   TEXT NOT NULL,
    parameters   TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX profiles_name ON profiles (kind, name);

CREATE TABLE quotas (
    owner     TEXT PRIMARY KEY,
    cpu       BIGINT,           -- NULL: no limit
    memory_gb DOUBLE PRECISION, -- NULL: no limit
    clusters  BIGINT            -- NULL: no limit
);

ALTER TABLE clusters ADD COLUMN network_profile TEXT NOT NULL DEFAULT '';
ALTER TABLE clusters ADD COLUMN compute_profile TEXT NOT NULL DEFAULT '';
ALTER TABLE clusters ADD COLUMN kubernetes_profile TEXT NOT NULL DEFAULT '';
ALTER TABLE clusters ADD COLUMN machines TEXT NOT NULL DEFAULT ''; -- pks.Machines
CREATE INDEX clusters_network_profile ON clusters (network_profile) WHERE network_profile <> '';
CREATE INDEX clusters_compute_profile ON clusters (compute_profile) WHERE compute_profile <> '';
CREATE INDEX clusters_kubernetes_profile ON clusters (kubernetes_profile) WHERE kubernetes_profile <> '';
CREATE INDEX clusters_owner_name ON clusters (owner_name);

-- +goose Down
DROP INDEX clusters_owner_name;
DROP INDEX clusters_kubernetes_profile;
DROP INDEX clusters_compute_profile;
DROP INDEX clusters_network_profile;
ALTER TABLE clusters DROP COLUMN machines;
ALTER TABLE clusters DROP COLUMN kubernetes_profile;
ALTER TABLE clusters DROP COLUMN compute_profile;
ALTER TABLE clusters DROP COLUMN network_profile;
DROP TABLE quotas;
DROP TABLE profiles;
