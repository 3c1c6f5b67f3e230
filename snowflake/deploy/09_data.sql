-- What may be asked about: one schema. Gives nobody a right to read; it lets procedures and chat use the asker's right to.
-- Run it again with other values for each further schema: COPILOT_DATA_SCHEMA=SALES arctic-copilot deploy --only data
USE ROLE <% ctx.env.COPILOT_ADMIN_ROLE %>;

GRANT CALLER USAGE ON DATABASE <% ctx.env.COPILOT_DATA_DATABASE %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
GRANT CALLER USAGE ON SCHEMA <% ctx.env.COPILOT_DATA_DATABASE %>.<% ctx.env.COPILOT_DATA_SCHEMA %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
GRANT INHERITED CALLER SELECT ON ALL TABLES IN SCHEMA <% ctx.env.COPILOT_DATA_DATABASE %>.<% ctx.env.COPILOT_DATA_SCHEMA %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
GRANT INHERITED CALLER SELECT ON ALL VIEWS IN SCHEMA <% ctx.env.COPILOT_DATA_DATABASE %>.<% ctx.env.COPILOT_DATA_SCHEMA %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
