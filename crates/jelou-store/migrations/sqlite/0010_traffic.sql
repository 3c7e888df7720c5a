-- Counts of calls: a row for each function and hour with calls, one line of JSON for each minute.
CREATE TABLE traffic (
    function_id TEXT NOT NULL,
    hour BIGINT NOT NULL,
    minutes TEXT NOT NULL,
    PRIMARY KEY (function_id, hour)
);
CREATE INDEX traffic_by_hour ON traffic (hour);
