"""One file a question: each declares its scenarios, its criterion and its figure."""
