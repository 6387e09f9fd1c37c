"""The rules of tools/lint. Each module has RULES (name -> one sentence) and check(tree)."""
