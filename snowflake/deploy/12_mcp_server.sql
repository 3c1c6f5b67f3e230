-- Agents that speak MCP reach the same procedures, under the user they sign in as; the server is Snowflake's own.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE OR REPLACE MCP SERVER <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MCP FROM SPECIFICATION $$
tools:
  - name: ask
    title: Ask the warehouse
    description: Answers a question in words with checked SQL, its rows, and what vouches for them. Reads only.
    type: GENERIC
    identifier: <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.ASK
    config:
      type: procedure
      warehouse: <% ctx.env.COPILOT_WAREHOUSE %>
      query_timeout: <% ctx.env.COPILOT_STATEMENT_SECONDS %>
      input_schema:
        type: object
        properties:
          question: {type: string, description: What to find out}
        required: [question]
  - name: generate_sql
    title: Write SQL
    description: Checked SQL for a question in words; does not run it.
    type: GENERIC
    identifier: <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.GENERATE_SQL
    config:
      type: procedure
      warehouse: <% ctx.env.COPILOT_WAREHOUSE %>
      query_timeout: <% ctx.env.COPILOT_STATEMENT_SECONDS %>
      input_schema:
        type: object
        properties:
          question: {type: string, description: What the SQL is to find out}
        required: [question]
  - name: explain_sql
    title: Explain SQL
    description: Whether SQL is a read that may run, what it reads in words, and how much. Does not run it.
    type: GENERIC
    identifier: <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.EXPLAIN_SQL
    config:
      type: procedure
      warehouse: <% ctx.env.COPILOT_WAREHOUSE %>
      query_timeout: <% ctx.env.COPILOT_STATEMENT_SECONDS %>
      input_schema:
        type: object
        properties:
          sql_text: {type: string, description: One SELECT}
        required: [sql_text]
$$;
GRANT USAGE ON MCP SERVER <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MCP TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
