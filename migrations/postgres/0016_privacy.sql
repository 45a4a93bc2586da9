-- Whether others learn how far somebody has read, and this one how far they have.

ALTER TABLE users ADD COLUMN read_receipts BOOLEAN NOT NULL DEFAULT TRUE;
