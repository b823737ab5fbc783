"""Sessions and their messages: the conversation of one scope."""
