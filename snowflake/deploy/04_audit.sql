-- One row for each question and each feedback, written by a procedure of the owner (08_procedures.sql) and by nobody else.
-- Questions may hold personal data: COPILOT_AUDIT_TEXT=false leaves all text out, and the task forgets old rows each night.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE TABLE IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.AUDIT (
    AT TIMESTAMP_LTZ NOT NULL COMMENT 'When it was recorded',
    KIND VARCHAR NOT NULL COMMENT 'ASK, GENERATE_SQL, CHAT or FEEDBACK',
    REQUEST VARCHAR COMMENT 'Also in QUERY_TAG of every statement of the request',
    USER_NAME VARCHAR NOT NULL COMMENT 'Who asked',
    ROLE_NAME VARCHAR COMMENT 'Under which role: the primary one of the session',
    SESSION_ID VARCHAR COMMENT 'The session itself: a QUERY_ID that is not of it was made up',
    STATUS VARCHAR COMMENT 'answered, clarify, abstained, refused, failed; right or wrong for feedback',
    QUERY_ID VARCHAR COMMENT 'As told; with SESSION_ID it joins ACCOUNT_USAGE.QUERY_HISTORY',
    ROW_COUNT NUMBER,
    SECONDS FLOAT,
    MODEL VARCHAR,
    QUESTION_HASH VARCHAR COMMENT 'SHA-256, so that repeats are seen where text is left out',
    SQL_HASH VARCHAR,
    QUESTION VARCHAR COMMENT 'NULL where text is left out',
    SQL_TEXT VARCHAR COMMENT 'NULL where text is left out',
    MESSAGE VARCHAR COMMENT 'What the asker was told, or what the feedback says; NULL where text is left out'
) COMMENT = 'Who asked Arctic Copilot what, and what came of it';

CREATE OR REPLACE TASK <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.FORGET_AUDIT
    WAREHOUSE = <% ctx.env.COPILOT_WAREHOUSE %>
    SCHEDULE = 'USING CRON 0 3 * * * UTC'
    COMMENT = 'Deletes audit rows that are past their retention'
    AS DELETE FROM <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.AUDIT
        WHERE AT < DATEADD(DAY, -<% ctx.env.COPILOT_AUDIT_DAYS %>, CURRENT_TIMESTAMP());
ALTER TASK <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.FORGET_AUDIT RESUME;
