-- +goose Up
CREATE TABLE credentials (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    type       TEXT NOT NULL,
    value      TEXT NOT NULL,
    parameters TEXT,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX credentials_name ON credentials (name, seq);

-- +goose Down
DROP TABLE credentials;
