-- vLLM with our plugin, and beside it the adapter that speaks the wire format of service functions. No public endpoint, and no
-- integration for external access: nothing can be reached from inside. Weights come from the stage, read only.
USE ROLE <% ctx.env.COPILOT_OWNER_ROLE %>;

CREATE SERVICE IF NOT EXISTS <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MODEL
    IN COMPUTE POOL <% ctx.env.COPILOT_GPU_POOL %>
    FROM @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.SPECS
    SPECIFICATION_TEMPLATE_FILE = '<% ctx.env.COPILOT_SPEC %>'
    USING (images => '/<% ctx.env.COPILOT_DATABASE %>/<% ctx.env.COPILOT_SCHEMA %>/IMAGES', tag => '<% ctx.env.COPILOT_IMAGE_TAG %>',
        weights => '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.WEIGHTS/<% ctx.env.COPILOT_WEIGHTS %>')
    AUTO_SUSPEND_SECS = 1800
    AUTO_RESUME = TRUE
    MIN_INSTANCES = 1
    MAX_INSTANCES = 1
    COMMENT = 'Arctic Copilot: vLLM and its adapter';
ALTER SERVICE <% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.COPILOT_MODEL
    FROM @<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.SPECS
    SPECIFICATION_TEMPLATE_FILE = '<% ctx.env.COPILOT_SPEC %>'
    USING (images => '/<% ctx.env.COPILOT_DATABASE %>/<% ctx.env.COPILOT_SCHEMA %>/IMAGES', tag => '<% ctx.env.COPILOT_IMAGE_TAG %>',
        weights => '@<% ctx.env.COPILOT_DATABASE %>.<% ctx.env.COPILOT_SCHEMA %>.WEIGHTS/<% ctx.env.COPILOT_WEIGHTS %>');
