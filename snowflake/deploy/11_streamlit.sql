-- The chat, on the container runtime: it opens a connection with the viewer's own rights and keeps nothing between viewers. Its pool
-- costs credits while somebody has the chat open, and is suspended five minutes later.
USE ROLE <% ctx.env.COPILOT_ADMIN_ROLE %>;

CREATE COMPUTE POOL IF NOT EXISTS <% ctx.env.COPILOT_APP_POOL %>
    MIN_NODES = 1
    MAX_NODES = 1
    INSTANCE_FAMILY = <% ctx.env.COPILOT_APP_FAMILY %>
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    AUTO_SUSPEND_SECS = 300
    COMMENT = 'Arctic Copilot: the chat';
GRANT USAGE ON COMPUTE POOL <% ctx.env.COPILOT_APP_POOL %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE OR REPLACE STREAMLIT <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CHAT
    FROM '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/streamlit'
    MAIN_FILE = 'streamlit_app.py'
    QUERY_WAREHOUSE = <% ctx.env.COPILOT_WAREHOUSE %>
    RUNTIME_NAME = 'SYSTEM$ST_CONTAINER_RUNTIME_PY3_11'
    COMPUTE_POOL = <% ctx.env.COPILOT_APP_POOL %>
    ARTIFACT_REPOSITORIES = (snowflake.snowpark.pypi_shared_repository)
    TITLE = 'Arctic Copilot'
    COMMENT = 'Ask your data in words';
ALTER STREAMLIT <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CHAT ADD LIVE VERSION FROM LAST;
GRANT USAGE ON STREAMLIT <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CHAT TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
