"""The browser page: a scene that is shown live, driven by a person, or played again."""
