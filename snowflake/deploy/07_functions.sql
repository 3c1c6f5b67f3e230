-- The model as an SQL function: one prompt in, one completion out, in the shape of OpenAI's replies. Calling one wakes the service if it is suspended.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE OR REPLACE FUNCTION <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COMPLETE(PROMPT VARCHAR)
    RETURNS VARIANT
    SERVICE = <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MODEL
    ENDPOINT = adapter
    MAX_BATCH_ROWS = 16
    ON_BATCH_FAILURE = ABORT
    BATCH_TIMEOUT_SECS = 120
    AS '/complete';
GRANT USAGE ON FUNCTION <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COMPLETE(VARCHAR) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
