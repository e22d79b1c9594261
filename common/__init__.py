"""What several services need: words, clients, messages, state, rules, settings, runtime."""
