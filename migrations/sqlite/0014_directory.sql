-- People, departments and projects as a directory outside knows them, who may see what is internal, and lines that a
-- channel says about itself.

-- What a project or department wants to be found by: an object.
ALTER TABLE channels ADD COLUMN context TEXT NOT NULL DEFAULT '{}';
UPDATE channels SET is_internal = 1 WHERE kind IN ('department', 'project');
CREATE INDEX channels_of_department ON channels (department_id) WHERE department_id IS NOT NULL;
CREATE INDEX channels_of_project ON channels (project_id) WHERE project_id IS NOT NULL;

ALTER TABLE users ADD COLUMN department_id TEXT;
-- Manages the department it is in.
ALTER TABLE users ADD COLUMN is_lead INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_of_department ON users (department_id) WHERE department_id IS NOT NULL;
-- Until now every account of a token was called a client, which meant nothing. Now it would shut people out of channels
-- that they are in.
UPDATE users SET kind = 'internal' WHERE kind = 'client';

-- Of type 'system': what happened, an object.
ALTER TABLE messages ADD COLUMN detail TEXT;

-- Calls of the directory that were carried out lately: none is carried out twice.
CREATE TABLE hook_calls (
    signature TEXT PRIMARY KEY,
    at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX hook_calls_by_time ON hook_calls (at);
