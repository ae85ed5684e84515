"""What the command line prints for a person, in place of the document of --json."""
