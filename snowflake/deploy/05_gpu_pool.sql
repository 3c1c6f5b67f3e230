-- The machine with GPUs. It costs credits by the hour from its first node on until it is suspended; one node at most, and
-- suspended ten minutes after the service has been. A running service keeps it awake.
USE ROLE <% ctx.env.COPILOT_ADMIN_ROLE %>;

CREATE COMPUTE POOL IF NOT EXISTS <% ctx.env.COPILOT_GPU_POOL %>
    MIN_NODES = 1
    MAX_NODES = 1
    INSTANCE_FAMILY = <% ctx.env.COPILOT_GPU_FAMILY %>
    AUTO_RESUME = TRUE
    INITIALLY_SUSPENDED = TRUE
    AUTO_SUSPEND_SECS = 600
    COMMENT = 'Arctic Copilot: the model service';
GRANT USAGE, OPERATE, MONITOR ON COMPUTE POOL <% ctx.env.COPILOT_GPU_POOL %> TO ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;
