-- The last migration that a program must know to use this database. A migration that contracts raises the number.
CREATE TABLE compatibility (migration BIGINT NOT NULL);
INSERT INTO compatibility (migration) VALUES (23);
