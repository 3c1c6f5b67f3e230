"""The syntax of what is deployed into an account, from Snowflake's documentation; clauses in the documented order.

Each kind: where it lives (account or schema), the privilege that making one needs, CREATE, and the ALTERs the product uses.
"""

from dataclasses import dataclass

REPLACE = "[OR REPLACE !replace]"
EXISTS = "[IF NOT EXISTS !exists]"
COMMENT = "COMMENT = <comment:string>"
TAG = "[WITH] TAG ( { <tag:name> = <value:string> },... )"


@dataclass(frozen=True)
class Kind:
    """One kind of object."""

    create: str
    schema: bool = True
    alter: tuple[str, ...] = ()
    admin: bool = False  # only ACCOUNTADMIN may make one, unless a privilege says otherwise


KINDS = {
    "WAREHOUSE": Kind(
        f"CREATE {REPLACE} WAREHOUSE {EXISTS} <name:ident> [WITH] ~{{ WAREHOUSE_TYPE = <type:scalar> "
        "| WAREHOUSE_SIZE = <size:scalar> | MAX_CLUSTER_COUNT = <max:int> | MIN_CLUSTER_COUNT = <min:int> "
        "| SCALING_POLICY = <policy:scalar> | AUTO_SUSPEND = <auto_suspend:int> | AUTO_RESUME = <auto_resume:bool> "
        "| INITIALLY_SUSPENDED = <initially_suspended:bool> | RESOURCE_MONITOR = <resource_monitor:ident> "
        f"| {COMMENT} | ENABLE_QUERY_ACCELERATION = <acceleration:bool> | GENERATION = <generation:string> "
        "| MAX_CONCURRENCY_LEVEL = <concurrency:int> | STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = <queued_timeout:int> "
        "| STATEMENT_TIMEOUT_IN_SECONDS = <statement_timeout:int> }",
        schema=False,
        alter=(
            "ALTER WAREHOUSE [IF EXISTS !exists] <name:ident> { SUSPEND !suspend | RESUME [IF SUSPENDED] !resume | RENAME TO <to:ident> "
            "| SET ~{ WAREHOUSE_SIZE = <size:scalar> | AUTO_SUSPEND = <auto_suspend:int> | AUTO_RESUME = <auto_resume:bool> "
            f"| RESOURCE_MONITOR = <resource_monitor:ident> | {COMMENT} | STATEMENT_QUEUED_TIMEOUT_IN_SECONDS = <queued_timeout:int> "
            "| STATEMENT_TIMEOUT_IN_SECONDS = <statement_timeout:int> } }",
        ),
    ),
    "RESOURCE MONITOR": Kind(
        f"CREATE {REPLACE} RESOURCE MONITOR {EXISTS} <name:ident> [WITH] ~{{ CREDIT_QUOTA = <credit_quota:number> "
        "| FREQUENCY = { MONTHLY | DAILY | WEEKLY | YEARLY | NEVER } "
        "| START_TIMESTAMP = { <start:string> | IMMEDIATELY } | END_TIMESTAMP = <end:string> | NOTIFY_USERS = ( { <one:name> },... ) } "
        "[TRIGGERS ON <percent:int> PERCENT DO { SUSPEND | SUSPEND_IMMEDIATE | NOTIFY } "
        + "[ON <percent:int> PERCENT DO { SUSPEND | SUSPEND_IMMEDIATE | NOTIFY } " * 4
        + "]" * 5,
        schema=False,
        alter=(
            "ALTER RESOURCE MONITOR [IF EXISTS !exists] <name:ident> SET ~{ CREDIT_QUOTA = <credit_quota:number> | NOTIFY_USERS = ( { <one:name> },... ) }",
        ),
        admin=True,
    ),
    "STAGE": Kind(
        f"CREATE {REPLACE} [{{TEMP|TEMPORARY}} !temporary] STAGE {EXISTS} <name:name> "
        "~{ ENCRYPTION = ( TYPE = <encryption:string> ) | DIRECTORY = ( ENABLE = <directory:bool> [[,] AUTO_REFRESH = <refresh:bool>] ) | FILE_FORMAT = ( { FORMAT_NAME = <format:scalar> | TYPE = <format:word> } ) "
        f"| {COMMENT} | {TAG} }}",
        alter=(
            "ALTER STAGE [IF EXISTS !exists] <name:name> { REFRESH | SET ~{ DIRECTORY = ( ENABLE = <directory:bool> [[,] AUTO_REFRESH = <refresh:bool>] ) | COMMENT = <comment:string> } }",
        ),
    ),
    "IMAGE REPOSITORY": Kind(
        f"CREATE {REPLACE} IMAGE REPOSITORY {EXISTS} <name:name> [ENCRYPTION = ( TYPE = <encryption:string> )]"
    ),
    "COMPUTE POOL": Kind(
        f"CREATE COMPUTE POOL {EXISTS} <name:ident> [FOR APPLICATION <application:ident>] MIN_NODES = <min_nodes:int> "
        "MAX_NODES = <max_nodes:int> INSTANCE_FAMILY = <instance_family:word> [AUTO_RESUME = <auto_resume:bool>] "
        f"[INITIALLY_SUSPENDED = <initially_suspended:bool>] [AUTO_SUSPEND_SECS = <auto_suspend_secs:int>] [{TAG}] [{COMMENT}] "
        "[PLACEMENT_GROUP = <placement_group:string>]",
        schema=False,
        alter=(
            "ALTER COMPUTE POOL [IF EXISTS !exists] <name:ident> { SUSPEND !suspend | RESUME !resume | STOP ALL "
            "| SET ~{ MIN_NODES = <min_nodes:int> | MAX_NODES = <max_nodes:int> | AUTO_RESUME = <auto_resume:bool> "
            f"| AUTO_SUSPEND_SECS = <auto_suspend_secs:int> | {COMMENT} }} }}",
        ),
    ),
    "SERVICE": Kind(
        f"CREATE SERVICE {EXISTS} <name:name> IN COMPUTE POOL <pool:ident> "
        "{ FROM SPECIFICATION <spec:text> | FROM <stage:stage> SPECIFICATION_FILE = <file:string> "
        "| FROM SPECIFICATION_TEMPLATE <spec:text> USING ( { <key:ident> => <value:scalar> },... ) "
        "| FROM <stage:stage> SPECIFICATION_TEMPLATE_FILE = <file:string> USING ( { <key:ident> => <value:scalar> },... ) } "
        "[AUTO_SUSPEND_SECS = <auto_suspend_secs:int>] [EXTERNAL_ACCESS_INTEGRATIONS = ( { <one:name> },... )] "
        "[AUTO_RESUME = <auto_resume:bool>] [MIN_INSTANCES = <min_instances:int>] [MIN_READY_INSTANCES = <min_ready:int>] "
        "[MAX_INSTANCES = <max_instances:int>] [LOG_LEVEL = <log_level:string>] [QUERY_WAREHOUSE = <query_warehouse:ident>] "
        f"[{TAG}] [{COMMENT}]",
        alter=(
            "ALTER SERVICE [IF EXISTS !exists] <name:name> { SUSPEND !suspend | RESUME !resume | FROM SPECIFICATION <spec:text> "
            "| FROM <stage:stage> SPECIFICATION_FILE = <file:string> "
            "| FROM SPECIFICATION_TEMPLATE <spec:text> USING ( { <key:ident> => <value:scalar> },... ) "
            "| FROM <stage:stage> SPECIFICATION_TEMPLATE_FILE = <file:string> USING ( { <key:ident> => <value:scalar> },... ) "
            "| SET ~{ MIN_INSTANCES = <min_instances:int> | MAX_INSTANCES = <max_instances:int> | AUTO_RESUME = <auto_resume:bool> "
            "| AUTO_SUSPEND_SECS = <auto_suspend_secs:int> | QUERY_WAREHOUSE = <query_warehouse:ident> | COMMENT = <comment:string> } }",
        ),
    ),
    "STREAMLIT": Kind(
        f"CREATE {REPLACE} STREAMLIT {EXISTS} <name:name> FROM <source:scalarpath> "
        "~{ MAIN_FILE = <main_file:string> | QUERY_WAREHOUSE = <query_warehouse:ident> | RUNTIME_NAME = <runtime_name:string> "
        "| COMPUTE_POOL = <compute_pool:ident> | ARTIFACT_REPOSITORIES = ( { <one:name> },... ) "
        f"| EXTERNAL_ACCESS_INTEGRATIONS = ( {{ <one:name> }},... ) | TITLE = <title:string> | {COMMENT} }}",
        alter=(
            "ALTER STREAMLIT [IF EXISTS !exists] <name:name> { ADD LIVE VERSION FROM LAST | SET ~{ QUERY_WAREHOUSE = <query_warehouse:ident> "
            f"| MAIN_FILE = <main_file:string> | TITLE = <title:string> | {COMMENT} | RUNTIME_NAME = <runtime_name:string> "
            "| COMPUTE_POOL = <compute_pool:ident> | ARTIFACT_REPOSITORIES = ( { <one:name> },... ) } }",
        ),
    ),
    "FUNCTION": Kind(
        f"CREATE {REPLACE} FUNCTION <name:name> <signature:parens> RETURNS <returns:type> [[NOT] NULL] "
        "[{ CALLED ON NULL INPUT | RETURNS NULL ON NULL INPUT | STRICT }] [{ VOLATILE | IMMUTABLE }] SERVICE = <service:name> "
        "ENDPOINT = <endpoint:scalar> [COMMENT = <comment:string>] "
        "[MAX_BATCH_ROWS = <max_batch_rows:int>] [MAX_BATCH_RETRIES = <max_batch_retries:int>] "
        "[ON_BATCH_FAILURE = { ABORT | RETURN_NULL !return_null }] [BATCH_TIMEOUT_SECS = <batch_timeout:int>] "
        "[CONTEXT_HEADERS = ( { <one:word> },... )] AS <path:text>"
    ),
    "TASK": Kind(
        f"CREATE {REPLACE} TASK {EXISTS} <name:name> ~{{ WAREHOUSE = <warehouse:ident> "
        "| USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = <size:scalar> | SCHEDULE = <schedule:string> "
        "| SUSPEND_TASK_AFTER_NUM_FAILURES = <failures:int> | ALLOW_OVERLAPPING_EXECUTION = <overlap:bool> "
        "| USER_TASK_TIMEOUT_MS = <timeout:int> } [COMMENT = <comment:string>] [AFTER <after:name>] [WHEN <when:until_as>] AS <body:rest>",
        alter=("ALTER TASK [IF EXISTS !exists] <name:name> { SUSPEND !suspend | RESUME !resume }",),
    ),
    "MCP SERVER": Kind(f"CREATE {REPLACE} MCP SERVER {EXISTS} <name:name> FROM SPECIFICATION <spec:text>"),
    "SNOWFLAKE.CORE.BUDGET": Kind(
        "CREATE [OR REPLACE !replace] SNOWFLAKE . CORE . BUDGET [IF NOT EXISTS !exists] <name:name> ( )"
    ),
    "TAG": Kind(f"CREATE {REPLACE} TAG {EXISTS} <name:name> [ALLOWED_VALUES <first:string>] [{COMMENT}]"),
    "NETWORK RULE": Kind(
        f"CREATE {REPLACE} NETWORK RULE <name:name> ~{{ TYPE = <type:word> | VALUE_LIST = ( {{ <value:string> }},... ) | MODE = <mode:word> | {COMMENT} }}"
    ),
}
