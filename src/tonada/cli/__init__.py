"""The command line: one file per verb; every verb calls one function of `tonada.api`."""
