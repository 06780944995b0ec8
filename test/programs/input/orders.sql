-- orders - an in-memory database: inserts, indices, joins, groups, text, JSON, deletes, a vacuum.
.bail on
PRAGMA temp_store = MEMORY;
CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, city TEXT, note BLOB);
CREATE TABLE item(id INTEGER PRIMARY KEY, customer INTEGER, price REAL, day INTEGER, label TEXT);

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO customer
SELECT i, printf('name-%06d', (i * 7919) % 20011), 'city' || (i % 97), zeroblob(i % 900) FROM n;

WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
INSERT INTO item
SELECT i, 1 + (i * 7877) % 20000, ((i * 31337) % 100000) / 100.0, i % 365,
  substr('the quick brown fox jumps over the lazy dog', 1 + i % 20, 3 + i % 17)
FROM n;

CREATE INDEX item_customer ON item(customer, price);
CREATE INDEX item_label ON item(label COLLATE NOCASE, day);
CREATE UNIQUE INDEX customer_name ON customer(name, id);
ANALYZE;

SELECT city, count(*), round(sum(price), 2), max(label)
FROM customer JOIN item ON item.customer = customer.id
GROUP BY city ORDER BY 3 DESC LIMIT 20;

SELECT label, count(DISTINCT customer), round(avg(price), 3), total(day)
FROM item GROUP BY label ORDER BY label LIMIT 40;

SELECT day, length(group_concat(label, ',')), length(hex(group_concat(name)))
FROM item JOIN customer ON customer.id = item.customer
WHERE day < 12 GROUP BY day ORDER BY day;

SELECT id, running FROM (
  SELECT id, sum(price) OVER (PARTITION BY day ORDER BY id ROWS 50 PRECEDING) AS running FROM item)
WHERE id % 9973 = 0 ORDER BY id;

SELECT length(json_group_array(json_object('id', id, 'name', name, 'city', city))) FROM customer;

BEGIN;
UPDATE item SET label = upper(label) || '-' || id WHERE day % 3 = 0;
DELETE FROM item WHERE customer % 5 = 0;
SAVEPOINT half;
UPDATE customer SET note = randomblob(0) || CAST(printf('%.*c', id % 2000, 'x') AS BLOB);
ROLLBACK TO half;
UPDATE customer SET name = replace(name, 'name', 'person');
COMMIT;
VACUUM;

SELECT count(*), sum(length(label)), round(sum(price), 2) FROM item;
SELECT count(*), sum(length(note)), min(name), max(name) FROM customer;
WITH RECURSIVE walk(id, depth) AS (
  SELECT 1, 0 UNION SELECT (id * 37 + 11) % 5000, depth + 1 FROM walk WHERE depth < 3000)
SELECT count(*), sum(id) FROM walk;
PRAGMA integrity_check;
