"""The success code: decides success, loss, recovery and violations from physical state alone. It never sees a reward."""
