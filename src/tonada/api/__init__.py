"""One function per verb of the command line; the command line and the web page call only these."""
