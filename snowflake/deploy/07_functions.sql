-- The model as SQL functions: one row in, one completion out. Calling one wakes the service if it is suspended.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE OR REPLACE FUNCTION <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COMPLETE(MESSAGES ARRAY, OPTIONS OBJECT)
    RETURNS VARIANT
    SERVICE = <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MODEL
    ENDPOINT = adapter
    MAX_BATCH_ROWS = 16
    ON_BATCH_FAILURE = ABORT
    BATCH_TIMEOUT_SECS = 120
    AS '/complete';
GRANT USAGE ON FUNCTION <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COMPLETE(ARRAY, OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
