-- Whom a pseudonym joined, and from which moment on: as of earlier moments it was somebody of its own.
ALTER TABLE identities ADD COLUMN joined TEXT;
ALTER TABLE identities ADD COLUMN since BIGINT;
CREATE INDEX identities_person ON identities (person);
