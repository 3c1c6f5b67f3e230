"""Arctic on vLLM: the plugin, the plan of a server and its start, the adapter for service functions."""
