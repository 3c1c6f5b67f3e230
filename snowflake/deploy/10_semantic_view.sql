-- What words of the business mean, for the sample data: the same YAML that `--semantic` reads as a file. For your own data, draft one
-- with `arctic-copilot semantic init --warehouse snowflake` and put it here. Made by the administrator: the owner's role reads no data.
USE ROLE <% ctx.env.COPILOT_ADMIN_ROLE %>;

CALL SYSTEM$CREATE_SEMANTIC_VIEW_FROM_YAML('<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>', $$
name: COPILOT_SEMANTICS
description: Orders, customers and suppliers of a wholesaler (TPC-H)
tables:
  - name: customers
    description: One row a customer
    synonyms: [clients, buyers]
    base_table: {database: <% ctx.env.COPILOT_DATA_DATABASE %>, schema: <% ctx.env.COPILOT_DATA_SCHEMA %>, table: CUSTOMER}
    primary_key: {columns: [C_CUSTKEY]}
    dimensions:
      - {name: customer_key, expr: C_CUSTKEY, data_type: NUMBER, unique: true}
      - {name: customer_nation_key, expr: C_NATIONKEY, data_type: NUMBER}
      - {name: market_segment, expr: C_MKTSEGMENT, data_type: VARCHAR, synonyms: [segment, industry], is_enum: true}
    facts:
      - {name: account_balance, expr: C_ACCTBAL, data_type: NUMBER, synonyms: [balance]}
    metrics:
      - {name: average_balance, expr: AVG(customers.account_balance), description: Mean account balance of customers}
  - name: orders
    description: One row an order
    synonyms: [purchases]
    base_table: {database: <% ctx.env.COPILOT_DATA_DATABASE %>, schema: <% ctx.env.COPILOT_DATA_SCHEMA %>, table: ORDERS}
    primary_key: {columns: [O_ORDERKEY]}
    dimensions:
      - {name: order_key, expr: O_ORDERKEY, data_type: NUMBER, unique: true}
      - {name: order_customer_key, expr: O_CUSTKEY, data_type: NUMBER}
      - {name: order_status, expr: O_ORDERSTATUS, data_type: VARCHAR, is_enum: true}
    time_dimensions:
      - {name: order_date, expr: O_ORDERDATE, data_type: DATE, synonyms: [ordered on]}
    facts:
      - {name: order_total, expr: O_TOTALPRICE, data_type: NUMBER}
    metrics:
      - {name: order_value, expr: SUM(orders.order_total), synonyms: [sales, turnover], description: Sum of the orders' totals}
relationships:
  - name: orders_of_customers
    left_table: orders
    right_table: customers
    relationship_columns:
      - {left_column: O_CUSTKEY, right_column: C_CUSTKEY}
$$, FALSE, TRUE);
GRANT SELECT, REFERENCES ON SEMANTIC VIEW <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_SEMANTICS TO ROLE <% ctx.env.COPILOT_USER_ROLE %>;
GRANT CALLER SELECT, REFERENCES ON SEMANTIC VIEW <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_SEMANTICS TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
