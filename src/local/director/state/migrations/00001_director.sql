-- +goose Up
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE tasks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    type        TEXT NOT NULL,
    state       TEXT NOT NULL,
    description TEXT NOT NULL,
    user        TEXT NOT NULL,
    deployment  TEXT,
    teams       TEXT NOT NULL,
    context_id  TEXT NOT NULL,
    result      TEXT,
    enqueued_at INTEGER NOT NULL,
    started_at  INTEGER,
    ended_at    INTEGER,
    touched     INTEGER NOT NULL,
    payload     TEXT NOT NULL
);
CREATE INDEX tasks_state ON tasks (state);
CREATE INDEX tasks_deployment ON tasks (deployment, state);
CREATE INDEX tasks_context ON tasks (context_id);
CREATE INDEX tasks_touched ON tasks (touched, id);

CREATE TABLE task_output (
    task_id INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    pos     INTEGER NOT NULL,
    text    TEXT NOT NULL,
    PRIMARY KEY (task_id, kind, pos)
) WITHOUT ROWID;

CREATE TABLE deployments (
    name              TEXT PRIMARY KEY,
    manifest          TEXT,
    teams             TEXT NOT NULL,
    releases          TEXT NOT NULL,
    stemcells         TEXT NOT NULL,
    cloud_configs     TEXT NOT NULL,
    runtime_configs   TEXT NOT NULL,
    variables         TEXT NOT NULL,
    applied_variables TEXT NOT NULL,
    errand_runs       TEXT NOT NULL
);

CREATE TABLE instances (
    id            TEXT PRIMARY KEY,
    deployment    TEXT NOT NULL,
    name          TEXT NOT NULL,
    idx           INTEGER NOT NULL,
    az            TEXT NOT NULL,
    lifecycle     TEXT NOT NULL,
    bootstrap     BOOLEAN NOT NULL,
    state         TEXT NOT NULL,
    ignored       BOOLEAN NOT NULL,
    configured    BOOLEAN NOT NULL,
    dirty         BOOLEAN NOT NULL,
    digest        TEXT NOT NULL,
    vm_type       TEXT NOT NULL,
    addresses     TEXT NOT NULL,
    disk_cid      TEXT NOT NULL,
    disk_size     INTEGER NOT NULL,
    jobs          TEXT NOT NULL,
    spec          BLOB,
    vm_cid        TEXT NOT NULL,
    vm_digest     TEXT NOT NULL,
    vm_stemcell   TEXT NOT NULL,
    agent_id      TEXT NOT NULL,
    vm_created_at INTEGER NOT NULL
);
CREATE INDEX instances_deployment ON instances (deployment, name, idx);
CREATE INDEX instances_vm ON instances (vm_cid) WHERE vm_cid <> '';

CREATE TABLE configs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    type       TEXT NOT NULL,
    name       TEXT NOT NULL,
    content    TEXT NOT NULL,
    team       TEXT,
    created_at INTEGER NOT NULL,
    deleted    BOOLEAN NOT NULL
);
CREATE INDEX configs_name ON configs (type, name, id);

CREATE TABLE releases (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    version TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (name, version)
);

CREATE TABLE stemcells (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL,
    os      TEXT NOT NULL,
    version TEXT NOT NULL,
    cid     TEXT NOT NULL,
    UNIQUE (name, version)
);

CREATE TABLE events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    parent_id   INTEGER,
    timestamp   INTEGER NOT NULL,
    user        TEXT NOT NULL,
    action      TEXT NOT NULL,
    object_type TEXT NOT NULL,
    object_name TEXT NOT NULL,
    error       TEXT NOT NULL,
    task        TEXT NOT NULL,
    deployment  TEXT NOT NULL,
    instance    TEXT NOT NULL,
    context     TEXT NOT NULL
);
CREATE INDEX events_deployment ON events (deployment, id);
CREATE INDEX events_task ON events (task, id);

CREATE TABLE link_providers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    deployment TEXT NOT NULL,
    "group"    TEXT NOT NULL,
    job        TEXT NOT NULL,
    name       TEXT NOT NULL,
    link       TEXT NOT NULL,
    type       TEXT NOT NULL,
    shared     BOOLEAN NOT NULL,
    networks   TEXT NOT NULL,
    content    TEXT NOT NULL,
    UNIQUE (deployment, "group", job, link)
);

CREATE TABLE link_consumers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    deployment TEXT NOT NULL,
    "group"    TEXT NOT NULL,
    owner      TEXT NOT NULL,
    owner_type TEXT NOT NULL,
    name       TEXT NOT NULL,
    link       TEXT NOT NULL,
    type       TEXT NOT NULL,
    optional   BOOLEAN NOT NULL,
    UNIQUE (deployment, "group", owner, owner_type, link)
);

CREATE TABLE links (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    consumer_id INTEGER NOT NULL REFERENCES link_consumers (id) ON DELETE CASCADE,
    provider_id INTEGER REFERENCES link_providers (id) ON DELETE CASCADE,
    network     TEXT NOT NULL,
    created_at  INTEGER NOT NULL
);
CREATE INDEX links_consumer ON links (consumer_id);
CREATE INDEX links_provider ON links (provider_id);

CREATE TABLE orphan_disks (
    cid        TEXT PRIMARY KEY,
    size       INTEGER NOT NULL,
    az         TEXT NOT NULL,
    deployment TEXT NOT NULL,
    instance   TEXT NOT NULL,
    orphaned_at INTEGER NOT NULL
);

CREATE TABLE problems (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    deployment TEXT NOT NULL,
    type       TEXT NOT NULL,
    instance   TEXT NOT NULL
);

CREATE TABLE blobs (
    id         TEXT PRIMARY KEY,
    content    BLOB NOT NULL,
    created_at INTEGER NOT NULL
);

-- +goose Down
DROP TABLE blobs;
DROP TABLE problems;
DROP TABLE orphan_disks;
DROP TABLE links;
DROP TABLE link_consumers;
DROP TABLE link_providers;
DROP TABLE events;
DROP TABLE stemcells;
DROP TABLE releases;
DROP TABLE configs;
DROP TABLE instances;
DROP TABLE deployments;
DROP TABLE task_output;
DROP TABLE tasks;
DROP TABLE settings;
