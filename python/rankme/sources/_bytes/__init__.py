"""Where bytes come from: files, URLs, and a matrix that lies in one entry after entry."""
