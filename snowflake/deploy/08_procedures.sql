-- What is asked of from SQL, from a BI tool, or by an agent (12_mcp_server.sql). They run with the asker's own rights, cut down to
-- the caller grants; only RECORD, which writes the audit row, runs as its owner. Packages come from the PyPI artifact repository.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.ASK(QUESTION VARCHAR, OPTIONS OBJECT DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.ask'
    COMMENT = 'Answers a question with checked SQL and its rows'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.ASK(VARCHAR, OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.GENERATE_SQL(QUESTION VARCHAR, OPTIONS OBJECT DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.generate_sql'
    COMMENT = 'Checked SQL for a question; not run'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.GENERATE_SQL(VARCHAR, OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CHECK_SQL(SQL_TEXT VARCHAR, OPTIONS OBJECT DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.check_sql'
    COMMENT = 'Whether SQL would be let through, and why not; not run'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CHECK_SQL(VARCHAR, OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.EXPLAIN_SQL(SQL_TEXT VARCHAR, OPTIONS OBJECT DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.explain_sql'
    COMMENT = 'What SQL reads, in words, and how much; not run'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.EXPLAIN_SQL(VARCHAR, OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.REFRESH_CATALOG(OPTIONS OBJECT DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.refresh_catalog'
    COMMENT = 'The tables that the asker may ask about, read anew and kept for the session'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.REFRESH_CATALOG(OBJECT) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.FEEDBACK(ANSWER_ID VARCHAR, VERDICT VARCHAR, REMARK VARCHAR DEFAULT NULL)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = (
        'snowflake-snowpark-python==1.56.0',
        'pydantic==2.14.4',
        'pydantic-settings==2.16.3',
        'langchain-core==1.8.3',
        'sqlglot==30.30.0',
        'PyYAML==6.0.4'
    )
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/sql_tools.zip'
    )
    HANDLER = 'copilot_procs.feedback'
    COMMENT = 'Says that an answer was right or wrong'
    EXECUTE AS <% ctx.env.COPILOT_EXECUTE_AS %>;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.FEEDBACK(VARCHAR, VARCHAR, VARCHAR) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;

CREATE OR REPLACE PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.RECORD(ENTRY VARCHAR)
    RETURNS VARIANT
    LANGUAGE PYTHON
    RUNTIME_VERSION = '3.11'
    ARTIFACT_REPOSITORY = snowflake.snowpark.pypi_shared_repository
    PACKAGES = ('snowflake-snowpark-python==1.56.0')
    IMPORTS = (
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_procs.py',
        '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.CODE/procedures/copilot_settings.json'
    )
    HANDLER = 'copilot_procs.record'
    COMMENT = 'Writes one audit row; user, role, session and time are the account''s own'
    EXECUTE AS OWNER;
GRANT USAGE ON PROCEDURE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.RECORD(VARCHAR) TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
