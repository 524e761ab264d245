-- name: last
SELECT number FROM office_acts ORDER BY number DESC LIMIT 1;

-- name: marked
SELECT number FROM office_acts WHERE mark = ?;

-- name: add
INSERT INTO office_acts (number, mark, at, actor, verb, reason) VALUES (?, ?, ?, ?, ?, ?);

-- name: add_words
INSERT INTO office_words (number, account, details) VALUES (?, ?, ?);

-- name: end
UPDATE office_acts SET outcome = ?2, ended = ?3 WHERE number = ?1 AND outcome = '';

-- name: page
SELECT a.number, a.at, a.actor, a.verb, a.reason, a.outcome, a.ended, w.account, w.details
FROM office_acts a LEFT JOIN office_words w ON w.number = a.number
WHERE a.at >= ?1 AND a.at < ?2 AND a.number > ?3
ORDER BY a.number LIMIT ?4;

-- name: page_of
SELECT a.number, a.at, a.actor, a.verb, a.reason, a.outcome, a.ended, w.account, w.details
FROM office_words w JOIN office_acts a ON a.number = w.number
WHERE w.account = ?1 AND a.at >= ?2 AND a.at < ?3 AND w.number > ?4
ORDER BY w.number LIMIT ?5;

-- name: of_verb
SELECT a.number, a.at, a.actor, a.verb, a.reason, a.outcome, a.ended, w.account, w.details
FROM office_acts a LEFT JOIN office_words w ON w.number = a.number
WHERE a.verb = ?1 AND a.number > ?2
ORDER BY a.number LIMIT ?3;
