"""The flags of launch commands, held beside the engines' own parsers; see the module's script."""
