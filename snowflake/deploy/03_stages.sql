-- Our code, the chat's files, the service's specifications, the weights; and where images are pushed to. Uploads what
-- `arctic-copilot deploy --build` made. Storage only: a few megabytes of code, and the weights.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE STAGE IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE
    DIRECTORY = (ENABLE = TRUE) COMMENT = 'Code of procedures and chat';
CREATE STAGE IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.SPECS
    COMMENT = 'Specifications of the model service';
CREATE STAGE IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.WEIGHTS
    ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE') COMMENT = 'One folder of weights a model; mounted into the service';
CREATE IMAGE REPOSITORY IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.IMAGES;

PUT 'file://<% ctx.env.COPILOT_BUILD %>/procedures/*' @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures
    AUTO_COMPRESS = FALSE OVERWRITE = TRUE;
PUT 'file://<% ctx.env.COPILOT_BUILD %>/streamlit/*' @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/streamlit
    AUTO_COMPRESS = FALSE OVERWRITE = TRUE;
PUT 'file://<% ctx.env.COPILOT_BUILD %>/streamlit/.streamlit/config.toml'
    @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/streamlit/.streamlit AUTO_COMPRESS = FALSE OVERWRITE = TRUE;
PUT 'file://<% ctx.env.COPILOT_BUILD %>/specs/*' @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.SPECS
    AUTO_COMPRESS = FALSE OVERWRITE = TRUE;
