"""The success code: success, loss, recovery and violations from physical state alone. It never sees a reward."""
