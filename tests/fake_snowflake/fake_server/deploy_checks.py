"""What a deployment statement's words must mean: objects it names exist, YAML is YAML with the documented fields."""

from typing import Any

import yaml
from fake_server.account import Session
from fake_server.errors import SnowflakeError, invalid_identifier, not_found
from fake_server.lexer import path, tokens
from fake_server.resolve import full_name, require_table

FAMILIES = (
    "GPU_NV_S GPU_NV_M GPU_NV_L GPU_NV_XL GPU_NV_2XL GPU_L40S_G1_8 GPU_L40S_G1_16 GPU_L40S_G1_48 GPU_L40S_G1_192 "
    "GPU_R6K_G1_8 GPU_R6K_G1_16 GPU_R6K_G1_32 GPU_R6K_G1_48 GPU_R6K_G1_96 GPU_R6K_G1_192 GPU_NV_XS GPU_NV_SM GPU_NV_2M "
    "GPU_NV_3M GPU_NV_SL GPU_GCP_NV_L4_1_24G GPU_GCP_NV_L4_4_24G GPU_GCP_NV_A100_8_40G GPU_A100_G1_12 GPU_A100_G1_48 "
    "CPU_X64_XS CPU_X64_S CPU_X64_M CPU_X64_SL CPU_X64_L HIGHMEM_X64_S HIGHMEM_X64_M HIGHMEM_X64_L"
).split()
CONTAINER = {
    "name", "image", "command", "args", "env", "readinessProbe", "livenessProbe", "volumeMounts", "resources", "secrets",
}  # fmt: skip
SEMANTIC = {
    "name", "description", "tables", "relationships", "metrics", "verified_queries", "custom_instructions",
    "module_custom_instructions", "variables", "comments",
}  # fmt: skip
SEMANTIC_TABLE = {
    "name", "description", "base_table", "primary_key", "unique_keys", "synonyms", "dimensions", "time_dimensions", "facts",
    "metrics", "filters",
}  # fmt: skip
SEMANTIC_FIELD = {
    "name", "synonyms", "description", "expr", "data_type", "sample_values", "is_enum", "cortex_search_service", "labels",
    "unique", "access_modifier", "non_additive_dimensions", "using_relationships", "default_aggregation",
}  # fmt: skip
SPEC = {"containers", "endpoints", "volumes", "logExporters", "platformMonitor"}
TOOLS = {"CORTEX_AGENT_RUN", "CORTEX_SEARCH_SERVICE_QUERY", "CORTEX_ANALYST_MESSAGE", "SYSTEM_EXECUTE_SQL", "GENERIC"}


def check(session: Session, kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """More that follows from what was said; SnowflakeError for what can't be."""
    things = session.account.catalog.things
    if kind == "COMPUTE POOL":
        family = said["instance_family"]
        if family not in FAMILIES and not family.startswith("GEN_X64_G2_"):
            raise _invalid(f"Invalid instance family '{family}'")
        if said["min_nodes"] > said["max_nodes"] or said["min_nodes"] < 1:
            raise _invalid("MIN_NODES must be at least 1 and at most MAX_NODES")
    if kind == "SERVICE":
        if ("COMPUTE POOL", (said["pool"],)) not in things:
            raise not_found("Compute pool", said["pool"])
        if session.role == "ACCOUNTADMIN":
            raise SnowflakeError(3001, "42501", "SQL access control error:\nRole ACCOUNTADMIN may not own a service.")
        if "spec" in said and "using" not in said:
            service_spec(said["spec"])
    if kind == "FUNCTION" and ("SERVICE", full_name(session, said["service"])) not in things:
        raise not_found("Service", path(*said["service"]))
    if kind == "MCP SERVER":
        mcp_spec(said["spec"])
    if kind == "TASK" and "warehouse" in said and ("WAREHOUSE", (said["warehouse"],)) not in things:
        raise not_found("Warehouse", said["warehouse"])
    return {}


def service_spec(text: str) -> dict[str, Any]:
    """A service's specification; SnowflakeError for a field that isn't documented."""
    spec = _yaml(text)
    _only(spec, {"spec", "capabilities", "serviceRoles"}, "the specification")
    inner = spec.get("spec") or {}
    _only(inner, SPEC, "spec")
    if not inner.get("containers"):
        raise _invalid("spec.containers is missing")
    for container in inner["containers"]:
        _only(container, CONTAINER, f"container {container.get('name')}")
        if not {"name", "image"} <= container.keys():
            raise _invalid("a container needs name and image")
        _check_gpu(container)
    for endpoint in inner.get("endpoints") or []:
        _only(endpoint, {"name", "port", "portRange", "public", "protocol"}, "endpoint")
    volumes = {volume["name"] for volume in inner.get("volumes") or []}
    mounted = {mount["name"] for c in inner["containers"] for mount in c.get("volumeMounts") or []}
    if mounted - volumes:
        raise _invalid(f"volume {sorted(mounted - volumes)[0]} is not declared")
    return spec


def _check_gpu(container: dict[str, Any]) -> None:
    resources = container.get("resources") or {}
    asked, limit = ((resources.get(key) or {}).get("nvidia.com/gpu") for key in ("requests", "limits"))
    if asked != limit:
        raise _invalid("nvidia.com/gpu must be in requests and limits, and equal")


def mcp_spec(text: str) -> None:
    spec = _yaml(text)
    _only(spec, {"tools"}, "the specification")
    for tool in spec.get("tools") or []:
        _only(tool, {"name", "type", "identifier", "description", "title", "config"}, "tool")
        if tool.get("type") not in TOOLS:
            raise _invalid(f"unknown tool type {tool.get('type')}")
        if tool["type"] == "GENERIC" and not {"type", "warehouse", "input_schema"} <= (tool.get("config") or {}).keys():
            raise _invalid("a GENERIC tool needs config.type, config.warehouse and config.input_schema")


def semantic_spec(session: Session, text: str) -> dict[str, Any]:
    """A semantic view's YAML: documented fields, tables that the role reads, columns that they have."""
    spec = _yaml(text)
    _only(spec, SEMANTIC, "the semantic view")
    if not spec.get("name") or not spec.get("tables"):
        raise _invalid("a semantic view needs name and tables")
    for table in spec["tables"]:
        _only(table, SEMANTIC_TABLE, f"table {table.get('name')}")
        base = table.get("base_table") or {}
        name = tuple(_named(base.get(key)) for key in ("database", "schema", "table"))
        known = {column.name for column in require_table(session, name).columns} if "definition" not in base else set()
        for group in ("dimensions", "time_dimensions", "facts", "metrics"):
            for field in table.get(group) or []:
                _only(field, SEMANTIC_FIELD, f"{group} of {table['name']}")
                expression = str(field.get("expr", ""))
                if group != "metrics" and known and expression.isidentifier() and expression.upper() not in known:
                    raise invalid_identifier(expression.upper())
    return spec


def _named(value: Any) -> str:
    found = tokens(str(value))
    return found[0].value if len(found) == 1 else str(value)


def _yaml(text: str) -> dict[str, Any]:
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _invalid(f"not YAML: {error}") from error
    if not isinstance(spec, dict):
        raise _invalid("not a YAML mapping")
    return spec


def _only(found: dict[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(found.keys() - known):
        raise _invalid(f"unknown field '{unknown[0]}' in {where}")


def _invalid(what: str) -> SnowflakeError:
    return SnowflakeError(395018, "22023", f"Invalid spec: {what}.")
