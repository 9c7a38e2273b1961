"""How sound that a model makes is judged."""
