"""Random sets of requests through vLLM's own scheduler and through llmcalc's, step by step."""
