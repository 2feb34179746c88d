-- How many workers of a cluster a rollout replaces at the same time; 0 leaves it to
-- the plan.

-- +goose Up
ALTER TABLE rollouts ADD COLUMN nodes_parallel INTEGER NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE rollouts DROP COLUMN nodes_parallel;
