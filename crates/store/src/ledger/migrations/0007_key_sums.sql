-- A checksum of the row: a source's name that has changed by itself must not go unnoticed.
ALTER TABLE keys ADD COLUMN crc BIGINT;
