"""The command line: one file a command, each thin over a public function; `app` puts them together."""
